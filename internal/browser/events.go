package browser

import (
	"encoding/json"
	"strings"
	"time"
)

const (
	// maxDialogs is how many dialogs of a page are accepted before it is given up.
	maxDialogs = 100
	// maxLines and maxLineText bound what is kept of what a page says; all of it is counted.
	maxLines    = 100
	maxLineText = 500
)

// handle takes note of one reply or event.
func (r *run) handle(m *message) {
	if m.id != 0 {
		r.reply(m)
		return
	}
	switch m.method {
	case "Page.frameNavigated":
		r.navigated(m)
	case "Page.lifecycleEvent":
		r.lifecycle(m)
	case "Page.javascriptDialogOpening":
		r.dialog(m)
	case "Page.downloadWillBegin":
		r.fail(failed(Download, "the answer is a file to keep"))
	case "Runtime.executionContextCreated":
		r.contextCreated(m)
	case "Runtime.executionContextsCleared":
		if m.session == r.s.id {
			r.world = ""
		}
	case "Runtime.consoleAPICalled":
		r.console(m)
	case "Runtime.exceptionThrown":
		r.exception(m)
	case "Inspector.targetCrashed":
		if m.session == r.s.id {
			r.fail(failed(RendererCrash, "the process of the page died"))
		}
	case "Target.attachedToTarget":
		r.attached(m)
	case "Page.screencastFrame":
		r.frame(m)
	case "Fetch.requestPaused":
		r.proceed(m)
	case "Fetch.authRequired":
		r.authRequired(m)
	default:
		r.network(m)
	}
}

// read decodes the parameters of an event; what does not fit is left out.
func (m *message) read(into any) bool { return json.Unmarshal(m.body, into) == nil }

// fail ends the run for a reason; the first one counts.
func (r *run) fail(f *PageError) {
	if r.failure == nil {
		r.failure = f
	}
}

func (r *run) navigated(m *message) {
	var e struct {
		Frame struct {
			ID, ParentID, LoaderID, URL, UnreachableURL string
		}
	}
	if m.session != r.s.id || !m.read(&e) || e.Frame.ParentID != "" {
		return
	}
	r.doc = document{loader: e.Frame.LoaderID, frame: e.Frame.ID, url: e.Frame.URL, committed: true}
	r.requests.keep(e.Frame.LoaderID)
	r.lines, r.errors, r.exceptions = r.lines[:0], 0, 0
	if e.Frame.UnreachableURL != "" && r.measuring {
		r.fail(failed(NoResponse, "it leads to a page that does not come"))
	}
}

func (r *run) lifecycle(m *message) {
	var e struct {
		FrameID, LoaderID, Name string
		Timestamp               float64
	}
	if m.session != r.s.id || !m.read(&e) || e.LoaderID != r.doc.loader || !r.doc.committed {
		return
	}
	switch e.Name {
	case "load":
		r.doc.load = true
	case "firstContentfulPaint":
		if r.measuring {
			r.roll() // not before it, which would be late then
		}
	case "InteractiveTime":
		r.doc.blink = e.Timestamp
	}
}

// dialog accepts a dialog, which would stop the page for ever.
func (r *run) dialog(m *message) {
	var e struct{ Message string }
	_ = m.read(&e)
	r.dialogs++
	r.say("dialog", e.Message)
	if r.dialogs > maxDialogs {
		r.fail(failed(MainStuck, "it opened more than %d dialogs", maxDialogs))
		return
	}
	r.post(m.session, "Page.handleJavaScriptDialog", object{"accept": true})
}

// contextCreated finds our isolated world in the page's own frame.
func (r *run) contextCreated(m *message) {
	var e struct {
		Context struct {
			UniqueID, Name string
			AuxData        struct {
				IsDefault bool
				FrameID   string
			}
		}
	}
	if m.session == r.s.id && m.read(&e) && e.Context.Name == worldName && e.Context.AuxData.FrameID == r.target {
		r.world = e.Context.UniqueID
	}
}

func (r *run) console(m *message) {
	var e struct {
		Type string
		Args []struct {
			Value       json.RawMessage
			Description string
		}
	}
	if !m.read(&e) {
		return
	}
	if e.Type == "error" || e.Type == "assert" {
		r.errors++
	}
	if len(r.lines) >= maxLines {
		return
	}
	words := make([]string, 0, len(e.Args))
	for _, a := range e.Args {
		word := a.Description
		if word == "" {
			word = strings.Trim(string(a.Value), `"`)
		}
		words = append(words, word)
	}
	r.say(e.Type, strings.Join(words, " "))
}

func (r *run) exception(m *message) {
	var e struct {
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if m.read(&e) {
		r.exceptions++
		d := e.ExceptionDetails
		r.say("exception", strings.TrimSpace(d.Text+" "+d.Exception.Description))
	}
}

// say keeps a line of what the page says.
func (r *run) say(level, text string) {
	if len(r.lines) < maxLines {
		r.lines = append(r.lines, Line{At: r.since(time.Now()), Level: level, Text: clip(text, maxLineText)})
	}
}

// clip shortens a text to so many bytes, between two characters, and keeps nothing of the rest.
func clip(text string, most int) string {
	if len(text) <= most {
		return strings.Clone(strings.ToValidUTF8(text, "?"))
	}
	return strings.ToValidUTF8(strings.Clone(text[:most]), "") + "…"
}

// attached hears what the frames of other sites load; they wait for that.
func (r *run) attached(m *message) {
	var e struct {
		SessionID string
	}
	if !m.read(&e) || r.frames >= maxFrames {
		return
	}
	r.frames++
	r.p.join(r.s, e.SessionID)
	r.post(e.SessionID, "Network.enable", networkEnable())
	r.post(e.SessionID, "Page.enable", nil)
	r.throttle(e.SessionID)
	r.post(e.SessionID, "Target.setAutoAttach", autoAttach())
	r.post(e.SessionID, "Runtime.runIfWaitingForDebugger", nil)
}
