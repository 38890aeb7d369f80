package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// nearest finds a file in the working directory or, within the project that holds it, in a directory above.
// Beyond the project nothing is looked at: a stranger's file in /tmp must not name the database. A project is
// the nearest directory with a go.mod or a .git; without one, only the working directory counts.
func (s Sources) nearest(name string) (string, bool) {
	root := projectRoot(s.Dir)
	for dir := s.Dir; ; dir = filepath.Dir(dir) {
		if path := filepath.Join(dir, name); isFile(path) {
			return path, true
		}
		if dir == root || dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

func projectRoot(from string) string {
	for dir := from; ; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, "go.mod")) || exists(filepath.Join(dir, ".git")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return from
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// isFile is true of what may be read as a file, a pipe of a secret store among them.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// read returns the text of a file, and says in the house's words why not.
func (s Sources) read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{File: s.short(path), Message: "there is no such file"}
	case errors.Is(err, fs.ErrPermission):
		return nil, &Error{File: s.short(path), Message: "you may not read this file; check its permissions"}
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // without the path, which is said already
	}
	return nil, &Error{File: s.short(path), Message: fmt.Sprintf("it cannot be read: %v", err)}
}
