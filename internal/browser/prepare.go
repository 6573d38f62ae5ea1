package browser

import (
	"context"
	"maps"
	"net/url"
	"strings"
)

// networkEnable keeps nothing of the bodies in the browser.
func networkEnable() object {
	return object{"maxTotalBufferSize": 0, "maxResourceBufferSize": 0, "maxPostDataSize": 0}
}

// autoAttach has the browser tell of frames of other sites, which are processes of their own, before they load.
func autoAttach() object {
	return object{
		"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true,
		"filter": []object{{"type": "iframe", "exclude": false}},
	}
}

// prepare sets up a new page before anything is loaded in it.
func (r *run) prepare(ctx context.Context) error {
	commands := []command{
		{method: "Page.enable", params: nil},
		{method: "Page.setLifecycleEventsEnabled", params: object{"enabled": true}},
		{method: "Inspector.enable", params: nil},
		{method: "Network.enable", params: networkEnable()},
		{method: "Runtime.enable", params: nil},
		{method: "Performance.enable", params: nil},
		{method: "Page.addScriptToEvaluateOnNewDocument", params: object{"source": observeScript, "worldName": worldName}},
		{method: "Target.setAutoAttach", params: autoAttach()},
		{method: "Emulation.setUserAgentOverride", params: object{"userAgent": r.userAgent()}},
		{method: "Browser.setDownloadBehavior", params: object{"behavior": "deny", "browserContextId": r.context}},
	}
	if r.page.Width > 0 {
		commands = append(commands, command{method: "Emulation.setDeviceMetricsOverride", params: object{
			"width": r.page.Width, "height": r.page.Height, "deviceScaleFactor": max(r.page.Scale, 1), "mobile": r.page.Mobile,
		}})
	}
	if r.page.Mobile {
		commands = append(commands, command{method: "Emulation.setTouchEmulationEnabled", params: object{"enabled": true}})
	}
	if r.page.Insecure {
		commands = append(commands, command{method: "Security.setIgnoreCertificateErrors", params: object{"ignore": true}})
	}
	if len(r.page.Blocked) > 0 {
		commands = append(commands, blockURLs(r.page.Blocked))
	}
	if pattern := r.paused(); pattern != nil {
		commands = append(commands, command{method: "Fetch.enable", params: object{
			"handleAuthRequests": r.private(), "patterns": []object{pattern},
		}})
	}
	for _, c := range r.page.Cookies {
		commands = append(commands, command{method: "Network.setCookie", params: object{
			"url": r.page.URL.String(), "name": c.Name, "value": c.Value,
		}})
	}
	return r.all(ctx, append(commands, r.throttling()...))
}

// all sends commands none of which may fail. One that an older browser does not know has another in its place.
func (r *run) all(ctx context.Context, commands []command) error {
	replies, err := r.await(ctx, commands)
	if err != nil {
		return err
	}
	for i, m := range replies {
		c := commands[i]
		if m.err != nil && c.older != nil {
			if m.err = r.ask(ctx, c.method, c.older, nil); r.failure != nil {
				return r.failure
			}
		}
		if m.err != nil {
			return failed(BrowserLost, "%s: %w", c.method, m.err)
		}
	}
	return nil
}

// blockURLs keeps patterns of URLs from being loaded.
func blockURLs(patterns []string) command {
	list := make([]object, 0, len(patterns))
	for _, p := range patterns {
		list = append(list, object{"urlPattern": p, "block": true})
	}
	return command{method: "Network.setBlockedURLs", params: object{"urlPatterns": list}, older: object{"urls": patterns}}
}

// userAgent is the browser's own, which is that of a browser with a window, and ours behind it.
func (r *run) userAgent() string {
	agent := strings.Replace(r.p.agent, "HeadlessChrome/", "Chrome/", 1)
	if r.page.Mobile {
		agent = mobileAgent(agent)
	}
	return strings.TrimSpace(agent + " " + r.page.UserAgent)
}

// mobileAgent puts a phone in the place of the system that stands in the first parentheses.
func mobileAgent(agent string) string {
	open, end := strings.IndexByte(agent, '('), strings.IndexByte(agent, ')')
	if open < 0 || end < open {
		return agent
	}
	agent = agent[:open] + "(Linux; Android 11; moto g power (2022))" + agent[end+1:]
	return strings.Replace(agent, " Safari/", " Mobile Safari/", 1)
}

// throttling makes processor and network slower, as the page has it.
func (r *run) throttling() (commands []command) {
	if r.page.Slowdown > 1 {
		commands = append(commands, command{method: "Emulation.setCPUThrottlingRate", params: object{"rate": r.page.Slowdown}})
	}
	if n := r.page.Network; n != (Network{}) {
		unlimited := func(rate float64) float64 {
			if rate <= 0 {
				return -1
			}
			return rate
		}
		figures := object{
			"urlPattern": "", "offline": false, "latency": float64(n.Latency.Microseconds()) / 1000,
			"downloadThroughput": unlimited(n.Download), "uploadThroughput": unlimited(n.Upload),
		}
		commands = append(commands, command{
			method: "Network.emulateNetworkConditionsByRule", params: object{"matchedNetworkConditions": []object{figures}},
		})
	}
	return commands
}

// throttle does the same for a frame of another site.
func (r *run) throttle(session string) {
	for _, c := range r.throttling() {
		r.post(session, c.method, c.params)
	}
}

// paused are the requests that wait for our headers; nil for none. Only documents get a trace: what they load may be of
// another origin, which would have to allow the header, and each request that waits takes time.
func (r *run) paused() object {
	if !r.private() && r.page.Traceparent == "" {
		return nil
	}
	pattern := object{"urlPattern": origin(r.page.URL) + "/*"}
	if !r.private() {
		pattern["resourceType"] = documentType
	}
	return pattern
}

// documentType is the browser's name for pages and frames among what is asked for.
const documentType = "Document"

// private says that something goes to the page's own origin only.
func (r *run) private() bool { return len(r.page.Headers) > 0 || r.page.Username != "" }

// origin of a URL, without the user.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// proceed lets a request to the page's origin go on with our headers.
func (r *run) proceed(m *message) {
	var e struct {
		RequestID    string
		ResourceType string
		Request      struct {
			URL     string
			Headers map[string]string
		}
	}
	if !m.read(&e) {
		return
	}
	params := object{"requestId": e.RequestID}
	if u, err := url.Parse(e.Request.URL); err == nil && origin(u) == origin(r.page.URL) {
		params["headers"] = r.headers(e.Request.Headers, e.ResourceType)
	}
	r.post(m.session, "Fetch.continueRequest", params)
}

// headers are those of a request to the page's origin, with ours.
func (r *run) headers(own map[string]string, resource string) []object {
	all := maps.Clone(own)
	if all == nil {
		all = map[string]string{}
	}
	if r.page.Traceparent != "" && resource == documentType {
		all["Traceparent"] = r.page.Traceparent
	}
	maps.Copy(all, r.page.Headers)
	list := make([]object, 0, len(all))
	for name, value := range all {
		list = append(list, object{"name": name, "value": value})
	}
	return list
}

// authRequired answers with the password, once for each request and to the page's own origin only.
func (r *run) authRequired(m *message) {
	var e struct {
		RequestID     string
		AuthChallenge struct{ Origin, Source string }
	}
	if !m.read(&e) {
		return
	}
	answer := object{"response": "CancelAuth"}
	if r.asked[e.RequestID]++; r.page.Username != "" && r.asked[e.RequestID] == 1 && e.AuthChallenge.Source != "Proxy" &&
		sameOrigin(e.AuthChallenge.Origin, r.page.URL) {
		answer = object{"response": "ProvideCredentials", "username": r.page.Username, "password": r.page.Password}
	}
	r.post(m.session, "Fetch.continueWithAuth", object{"requestId": e.RequestID, "authChallengeResponse": answer})
}

// sameOrigin compares an origin as the browser writes it, which leaves out the port that goes without saying.
func sameOrigin(text string, u *url.URL) bool {
	other, err := url.Parse(text)
	if err != nil {
		return false
	}
	return other.Scheme == u.Scheme && other.Hostname() == u.Hostname() && port(other) == port(u)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
