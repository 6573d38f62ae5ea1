package report

import (
	"embed"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

//go:embed report.md.tmpl report.html.tmpl report.css report.schema.json
var files embed.FS

// writeMarkdown writes the results template of the performance plan, filled in.
func (r *Report) writeMarkdown(w io.Writer) error {
	t, err := template.New("report.md.tmpl").Funcs(template.FuncMap{
		"ms": ms, "rate": rate, "took": took, "cell": cell, "ratio": objective.Ratio.Format, "count": count,
		"success": func(f Figures) string { return objective.Ratio.Format(1 - f.ErrorRatio) },
		"ok":      func(f Figures) uint64 { return f.Requests - f.Failures },
		"misses":  func(f Figures) uint64 { return f.CacheOf - f.CacheHits },
		"suite":   r.burstsOf, "date": timeLayoutOf, "at": instant,
	}).ParseFS(files, "report.md.tmpl")
	if err != nil {
		return fmt.Errorf("parsing the template: %w", err)
	}
	return t.Execute(w, r)
}

func timeLayoutOf(r *Report) string { return instant(r.Start) }

func instant(t time.Time) string { return t.UTC().Format(timeLayout) }

// cell keeps a text in its cell of a table, and markup out of it.
func cell(text string) string {
	text = short(text, 200)
	for _, c := range []string{`\`, "|", "`", "*", "_", "[", "<"} {
		text = strings.ReplaceAll(text, c, `\`+c)
	}
	return text
}

// count writes a whole number with its thousands apart.
func count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
