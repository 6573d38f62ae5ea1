package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/perfwatch/perfwatch/internal/report"
)

// outputs are the files that a report is written to. Those that exist stay as they are until the new one is whole.
type outputs []*output

type output struct {
	path, format string
	temp         *os.File // in the folder of path, or what path is where that is no regular file, as /dev/stdout
	rename       bool
}

// openOutputs finds out before anything runs that every file can be written.
func openOutputs(paths []string, format string) (outputs, error) {
	var all outputs
	for _, path := range paths {
		o := &output{path: path, format: format}
		if o.format == "" {
			o.format = formatOf(path)
		}
		if err := o.open(); err != nil {
			all.discard()
			return nil, fmt.Errorf("writing the report: %w", err)
		}
		all = append(all, o)
	}
	return all, nil
}

// formatOf is the format that the name of a file says.
func formatOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return "json"
	case ".html", ".htm":
		return "html"
	case ".md", ".markdown":
		return "markdown"
	case ".xml":
		return "junit"
	}
	return "text"
}

func (o *output) open() (err error) {
	info, err := os.Stat(o.path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%q is a folder", o.path)
	case err == nil && !info.Mode().IsRegular():
		o.temp, err = os.OpenFile(o.path, os.O_WRONLY, 0)
		return err
	}
	o.rename = true
	o.temp, err = os.CreateTemp(filepath.Dir(o.path), ".perfwatch-report-*")
	return err
}

// discard removes what was not written.
func (all outputs) discard() {
	for _, o := range all {
		if o.temp == nil {
			continue
		}
		_ = o.temp.Close()
		if o.rename {
			_ = os.Remove(o.temp.Name())
		}
	}
}

// write writes every file, and to stdout what a person reads, or the report itself where there is no file. A file that
// cannot be written any more costs no other: what it would have held goes to stdout.
func (all outputs) write(r *report.Report, stdout io.Writer, format string, quiet bool) error {
	var errs []error
	for _, o := range all {
		if err := o.write(r); err != nil {
			errs = append(errs, fmt.Errorf("writing the report: %w", err))
		}
	}
	switch {
	case len(all) == 0 && format != "":
		return r.Write(stdout, format)
	case len(all) == 0 || !quiet || len(errs) > 0:
		errs = append(errs, r.Write(stdout, "text"))
	}
	return errors.Join(errs...)
}

func (o *output) write(r *report.Report) error {
	b := bufio.NewWriter(o.temp)
	if err := errors.Join(r.Write(b, o.format), b.Flush()); err != nil {
		return err
	}
	temp := o.temp
	o.temp = nil
	if !o.rename {
		return temp.Close()
	}
	// A report is for others to read, as a file made with the usual mode is.
	if err := errors.Join(temp.Chmod(0o644), temp.Sync(), temp.Close()); err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	if err := os.Rename(temp.Name(), o.path); err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
