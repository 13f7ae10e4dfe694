// Package seal encrypts what a service keeps, so that a copy of a database or
// of a cache tells nothing: AES-GCM by Tink, under a keyset from the secret
// store.
//
// What is sealed belongs to its place, such as one row of one table: copied to
// another place it cannot be opened. It begins with the id of its key, so that
// keys can be exchanged one after the other while services run: add a key, make
// it the primary one when every replica knows it, reseal what is kept (see
// Reseal), remove the old key.
package seal

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Config names the secret.
type Config struct {
	// KeysetSecret is a Tink keyset of AEAD keys as JSON, in clear: the secret
	// store is what protects it.
	KeysetSecret string `env:"DATA_KEYSET_SECRET,required,notEmpty"`
	// KeysetFile is a file to read the keyset from instead, for commands that
	// run without a sidecar.
	KeysetFile string `env:"DATA_KEYSET_FILE"`
}

// Errors of sealing and opening.
var (
	// ErrNoKeys is returned while the keyset cannot be read, or is none.
	ErrNoKeys = errors.New("seal: no keys")
	// ErrUnknownKey is returned for what was sealed with a key that is not in
	// the keyset, or not any more.
	ErrUnknownKey = errors.New("seal: sealed with a key that is not in the keyset")
	// ErrBroken is returned for what was changed, or belongs somewhere else.
	ErrBroken = errors.New("seal: not sealed here, or changed since")
)

// Secrets gives the keyset. See sidecar.Secrets.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
	Reread(ctx context.Context, name string) (string, error)
}

// Keyring seals and opens. It looks at the secret each time, and so uses new
// keys as soon as Secrets tells them. It is safe for concurrent use.
type Keyring struct {
	secrets Secrets
	name    string
	log     *slog.Logger
	keys    atomic.Pointer[keys]
	refused atomic.Pointer[string] // the keyset that was last found unusable
}

// file is a keyset in a file, which has no other secret.
type file string

// Secret implements Secrets.
func (f file) Secret(context.Context, string) (string, error) {
	text, err := os.ReadFile(string(f))
	return string(text), err
}

// Reread implements Secrets.
func (f file) Reread(ctx context.Context, name string) (string, error) { return f.Secret(ctx, name) }

// NewKeyring returns the keyring whose keyset is the secret, or the file, that
// cfg names.
func NewKeyring(cfg Config, secrets Secrets, log *slog.Logger) *Keyring {
	if cfg.KeysetFile != "" {
		secrets = file(cfg.KeysetFile)
	}
	return &Keyring{secrets: secrets, name: cfg.KeysetSecret, log: log}
}

// Seal encrypts plain for its place. It returns ErrNoKeys.
func (k *Keyring) Seal(ctx context.Context, plain []byte, place string) ([]byte, error) {
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	sealed, err := keys.aead.Encrypt(plain, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Open returns what was sealed for a place. It returns ErrNoKeys, ErrUnknownKey
// or ErrBroken. For an unknown key it looks whether the secret has it by now:
// another replica may have learned it earlier.
func (k *Keyring) Open(ctx context.Context, sealed []byte, place string) ([]byte, error) {
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := keys.open(sealed, place)
	if !errors.Is(err, ErrUnknownKey) {
		return plain, err
	}
	text, failed := k.secrets.Reread(ctx, k.name)
	if failed != nil || text == keys.text || k.take(ctx, text) != nil {
		return nil, err
	}
	return k.keys.Load().open(sealed, place)
}

// SealJSON is Seal for a value.
func (k *Keyring) SealJSON(ctx context.Context, value any, place string) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return k.Seal(ctx, plain, place)
}

// OpenJSON is Open into the value that into points to.
func (k *Keyring) OpenJSON(ctx context.Context, sealed []byte, place string, into any) error {
	plain, err := k.Open(ctx, sealed, place)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("seal: what was sealed is not what is expected: %w", err)
	}
	return nil
}

// Primary returns what everything begins with that is sealed with the key of
// now. It returns ErrNoKeys.
func (k *Keyring) Primary(ctx context.Context) ([]byte, error) {
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(keys.primary), nil
}

// Ready returns ErrNoKeys until the keyset has been read.
func (k *Keyring) Ready(ctx context.Context) error {
	_, err := k.current(ctx)
	return err
}

// current returns the keys of now. A keyset that cannot be used does not take
// the place of one that can: a slip of the pen must not close all data.
func (k *Keyring) current(ctx context.Context) (*keys, error) {
	known := k.keys.Load()
	text, err := k.secrets.Secret(ctx, k.name)
	if err == nil && (known == nil || known.text != text) {
		err = k.take(ctx, text)
		known = k.keys.Load()
	}
	if known == nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoKeys, k.name, err)
	}
	return known, nil
}

// take makes the keyset in text the one of now. It looks at a bad one once.
func (k *Keyring) take(ctx context.Context, text string) error {
	if refused := k.refused.Load(); refused != nil && *refused == text {
		return errKeyset
	}
	read, err := parse(text)
	if err != nil {
		k.refused.Store(&text)
		k.log.ErrorContext(ctx, "keyset cannot be used", "secret", k.name, "error", err)
		return err
	}
	k.keys.Store(read)
	return nil
}

const (
	// mark and the four bytes of a key's id are Tink's own prefix.
	mark       = 1
	prefixSize = 5
)

// keys are a keyset that can be used.
type keys struct {
	text    string // as the secret store has it
	aead    tink.AEAD
	primary []byte
	ids     map[string]bool // the prefixes of all keys
}

func (k *keys) open(sealed []byte, place string) ([]byte, error) {
	plain, err := k.aead.Decrypt(sealed, []byte(place))
	switch {
	case err == nil:
		return plain, nil
	case len(sealed) >= prefixSize && sealed[0] == mark && !k.know(sealed):
		return nil, ErrUnknownKey
	}
	return nil, ErrBroken // Tink does not tell more
}

func (k *keys) know(sealed []byte) bool { return k.ids[string(sealed[:prefixSize])] }

// errKeyset is what is wrong with a keyset. It tells nothing of it.
var errKeyset = errors.New("no Tink keyset of AEAD keys in JSON")

func parse(text string) (*keys, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(text)))
	if err != nil {
		return nil, errKeyset
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, errKeyset
	}
	read := &keys{text: text, aead: primitive, ids: map[string]bool{}}
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		if info.GetOutputPrefixType() != tinkpb.OutputPrefixType_TINK {
			return nil, errors.New("every key must have Tink's output prefix, which tells what it has sealed")
		}
		prefix := binary.BigEndian.AppendUint32([]byte{mark}, info.GetKeyId())
		read.ids[string(prefix)] = info.GetStatus() == tinkpb.KeyStatusType_ENABLED
		if info.GetKeyId() == handle.KeysetInfo().GetPrimaryKeyId() {
			read.primary = prefix
		}
	}
	return read, nil
}
