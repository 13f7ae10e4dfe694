// Package lock provides a machine-wide lock file that names its owner.
package lock

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// Owner is the owner of a lock. The zero value means no owner.
type Owner struct {
	proc.Process

	Root string `json:"root"` // of the owner's checkout
}

// Lock is a held lock. The kernel releases it when the process ends.
type Lock struct {
	// Left is the previous owner if its process died while it held the lock. Release keeps it for
	// the next owner to see; clear it after cleaning up.
	Left Owner

	file *os.File
}

// HeldError is returned if another process holds the lock.
type HeldError struct{ Owner Owner }

// Error names the owner of the lock.
func (e *HeldError) Error() string {
	return fmt.Sprintf("held by pid %d of %s", e.Owner.PID, e.Owner.Root)
}

// Acquire acquires the lock of the file at path for the checkout at root. It does not wait: if the
// lock is held, it returns a *HeldError.
func Acquire(path, root string) (*Lock, error) {
	file, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	l, err := take(file, root)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

func take(file *os.File, root string) (*Lock, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, &HeldError{Owner: read(file)}
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	l := &Lock{Left: read(file), file: file}
	self, err := proc.Get(os.Getpid())
	if err != nil {
		return nil, err
	}
	return l, l.write(Owner{Process: self, Root: root})
}

// open opens the lock file, which any user may have created. In a world-writable folder the kernel
// refuses O_CREATE on another user's file, so open tries without it first.
func open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, os.ErrNotExist) {
		return file, err
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666) //nolint:gosec // every user of the machine takes the same lock
	if err != nil {
		return nil, err
	}
	// The umask has removed the write permission of other users.
	return file, file.Chmod(0o666)
}

// Current returns the owner of the lock of the file at path, without acquiring it.
func Current(path string) Owner {
	file, err := os.Open(path)
	if err != nil {
		return Owner{}
	}
	defer func() { _ = file.Close() }()
	who := read(file)
	if !who.Alive() {
		return Owner{}
	}
	return who
}

func read(file *os.File) Owner {
	var who Owner
	_ = json.NewDecoder(file).Decode(&who) // an empty file has no owner
	return who
}

// Release releases the lock. The file stays: removing it would let two processes lock two files of
// the same name.
func (l *Lock) Release() error {
	err := l.file.Truncate(0)
	if l.Left.Root != "" {
		err = errors.Join(err, l.write(l.Left))
	}
	return errors.Join(err, l.file.Close())
}

func (l *Lock) write(who Owner) error {
	content, err := json.Marshal(who)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(content, 0)
	return err
}
