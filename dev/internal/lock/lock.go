// Package lock gives one process at a time the right to something, and tells
// the others who has it.
package lock

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// Owner says who holds a lock. The zero value is nobody.
type Owner struct {
	proc.Process

	Root string `json:"root"` // of the owner's checkout
}

// Lock is a lock that we hold. The kernel takes it back when the process ends,
// however that happens.
type Lock struct {
	// Left is who held the lock before, if they died with it. Release leaves
	// this for the next one to see; set it to zero when nothing of theirs is
	// left.
	Left Owner

	file *os.File
}

// HeldError says that another process holds a lock.
type HeldError struct{ Owner Owner }

// Error names the process that holds the lock.
func (e *HeldError) Error() string {
	return fmt.Sprintf("held by pid %d of %s", e.Owner.PID, e.Owner.Root)
}

// Acquire takes the lock that the file at path stands for, for the checkout at
// root. It does not wait: if somebody holds the lock it returns a *HeldError.
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

// open opens the lock file, which any user may have created. The kernel lets
// nobody create over another's file in a folder that all can write to, so that
// is tried without first.
func open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, os.ErrNotExist) {
		return file, err
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666) //nolint:gosec // every user of the machine takes the same lock
	if err != nil {
		return nil, err
	}
	// The umask has taken the others' right to write.
	return file, file.Chmod(0o666)
}

// Current returns who holds the lock that the file at path stands for. It does
// not touch the lock, so that it is in nobody's way.
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
	_ = json.NewDecoder(file).Decode(&who) // an empty file names nobody
	return who
}

// Release gives the lock back. The file stays: to remove it would let two
// processes lock two files of one name.
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
