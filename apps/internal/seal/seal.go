// Package seal encrypts stored values with AES-GCM by Tink, under a keyset from the
// secret store, so that a copy of a database or cache reveals nothing.
//
// A sealed value is bound to its place, such as one row of one table, as associated
// data: copied to another place it cannot be opened. It begins with the id of its
// key, so that keys can be rotated without downtime: add a key, make it primary when
// every replica has it, reseal the stored values (see Reseal), remove the old key.
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

// Config configures the keyset.
type Config struct {
	// KeysetSecret is the name of a secret with a Tink keyset of AEAD keys in
	// cleartext JSON.
	KeysetSecret string `env:"DATA_KEYSET_SECRET,required,notEmpty"`
	// KeysetFile is a file with the keyset, which replaces the secret in commands
	// without a sidecar.
	KeysetFile string `env:"DATA_KEYSET_FILE"`
}

// The errors of a Keyring.
var (
	// ErrNoKeys is returned if no valid keyset has been read yet.
	ErrNoKeys = errors.New("seal: no keys")
	// ErrUnknownKey is returned for a value sealed with a key that is not in the
	// keyset.
	ErrUnknownKey = errors.New("seal: sealed with a key that is not in the keyset")
	// ErrBroken is returned for a value that was modified or sealed for another place.
	ErrBroken = errors.New("seal: modified or sealed for another place")
)

// Secrets reads the keyset. See sidecar.Secrets.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
	Reread(ctx context.Context, name string) (string, error)
}

// Keyring seals and opens values. It reads the secret at each call, so it uses new
// keys as soon as Secrets returns them. It is safe for concurrent use.
type Keyring struct {
	secrets Secrets
	name    string
	log     *slog.Logger
	keys    atomic.Pointer[keys]
	invalid atomic.Pointer[string] // the last keyset that was invalid
}

// file is a Secrets that returns the content of a file.
type file string

// Secret implements Secrets.
func (f file) Secret(context.Context, string) (string, error) {
	text, err := os.ReadFile(string(f))
	return string(text), err
}

// Reread implements Secrets.
func (f file) Reread(ctx context.Context, name string) (string, error) { return f.Secret(ctx, name) }

// NewKeyring returns the keyring of cfg's secret or file.
func NewKeyring(cfg Config, secrets Secrets, log *slog.Logger) *Keyring {
	if cfg.KeysetFile != "" {
		secrets = file(cfg.KeysetFile)
	}
	return &Keyring{secrets: secrets, name: cfg.KeysetSecret, log: log}
}

// Seal encrypts plain and binds it to place, which Open requires again. It returns
// ErrNoKeys.
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

// Open decrypts a value that was sealed for place. It returns ErrNoKeys,
// ErrUnknownKey or ErrBroken. If the key is unknown, it rereads the secret first, as
// another replica may already use a new key.
func (k *Keyring) Open(ctx context.Context, sealed []byte, place string) ([]byte, error) {
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := keys.open(sealed, place)
	if !errors.Is(err, ErrUnknownKey) {
		return plain, err
	}
	text, rereadErr := k.secrets.Reread(ctx, k.name)
	if rereadErr != nil || text == keys.text || k.use(ctx, text) != nil {
		return nil, err
	}
	return k.keys.Load().open(sealed, place)
}

// SealJSON seals value as JSON.
func (k *Keyring) SealJSON(ctx context.Context, value any, place string) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return k.Seal(ctx, plain, place)
}

// OpenJSON opens a value sealed by SealJSON and decodes it into the pointer into.
func (k *Keyring) OpenJSON(ctx context.Context, sealed []byte, place string, into any) error {
	plain, err := k.Open(ctx, sealed, place)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("seal: decode: %w", err)
	}
	return nil
}

// Primary returns the prefix of values sealed with the primary key. It returns
// ErrNoKeys.
func (k *Keyring) Primary(ctx context.Context) ([]byte, error) {
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(keys.primary), nil
}

// Ready is a health.Check. It returns ErrNoKeys until the keyset has been read.
func (k *Keyring) Ready(ctx context.Context) error {
	_, err := k.current(ctx)
	return err
}

// current returns the keys of the current secret. An invalid keyset does not replace
// a valid one, so that a typo does not make all data unreadable.
func (k *Keyring) current(ctx context.Context) (*keys, error) {
	keys := k.keys.Load()
	text, err := k.secrets.Secret(ctx, k.name)
	if err == nil && (keys == nil || keys.text != text) {
		err = k.use(ctx, text)
		keys = k.keys.Load()
	}
	if keys == nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoKeys, k.name, err)
	}
	return keys, nil
}

// use makes the keyset in text the current one. An invalid keyset is logged once.
func (k *Keyring) use(ctx context.Context, text string) error {
	if invalid := k.invalid.Load(); invalid != nil && *invalid == text {
		return errKeyset
	}
	parsed, err := parse(text)
	if err != nil {
		k.invalid.Store(&text)
		k.log.ErrorContext(ctx, "keyset invalid", "secret", k.name, "error", err)
		return err
	}
	k.keys.Store(parsed)
	return nil
}

const (
	// tinkVersion and the four bytes of a key's id are Tink's output prefix.
	tinkVersion = 1
	prefixSize  = 5
)

// keys are a parsed keyset.
type keys struct {
	text    string // from the secret store
	aead    tink.AEAD
	primary []byte          // the prefix of the primary key
	enabled map[string]bool // by prefix
}

func (k *keys) open(sealed []byte, place string) ([]byte, error) {
	plain, err := k.aead.Decrypt(sealed, []byte(place))
	switch {
	case err == nil:
		return plain, nil
	case len(sealed) >= prefixSize && sealed[0] == tinkVersion && !k.enabled[string(sealed[:prefixSize])]:
		return nil, ErrUnknownKey
	}
	return nil, ErrBroken // Tink returns no details
}

// errKeyset is returned for an invalid keyset. It does not quote the keyset.
var errKeyset = errors.New("not a Tink keyset of AEAD keys in JSON")

func parse(text string) (*keys, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(text)))
	if err != nil {
		return nil, errKeyset
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, errKeyset
	}
	parsed := &keys{text: text, aead: primitive, enabled: map[string]bool{}}
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		if info.GetOutputPrefixType() != tinkpb.OutputPrefixType_TINK {
			return nil, errors.New("a key has no Tink output prefix")
		}
		prefix := binary.BigEndian.AppendUint32([]byte{tinkVersion}, info.GetKeyId())
		parsed.enabled[string(prefix)] = info.GetStatus() == tinkpb.KeyStatusType_ENABLED
		if info.GetKeyId() == handle.KeysetInfo().GetPrimaryKeyId() {
			parsed.primary = prefix
		}
	}
	return parsed, nil
}
