package browser

// A Reason says why a page could not be measured. The set is closed, it is a label.
type Reason string

// Every reason there is.
const (
	NoResponse    Reason = "no_response"       // the document did not come
	NoPaint       Reason = "no_fcp"            // it came, and nothing was painted
	NoLoad        Reason = "no_load"           // its load did not end
	NetworkBusy   Reason = "network_busy"      // the network was never quiet for five seconds
	CPUBusy       Reason = "cpu_busy"          // the main thread was never quiet for five seconds
	MainStuck     Reason = "main_thread_stuck" // the main thread does not answer
	RendererCrash Reason = "renderer_crash"    // the process of the page died
	BrowserLost   Reason = "browser_lost"      // the browser died or does not answer
	LaunchFailed  Reason = "launch_failed"     // there is no browser, or it does not start
	Download      Reason = "download"          // the answer is a file to keep
	Certificate   Reason = "certificate"       // of the page's own origin
	Expectation   Reason = "expectation"       // the page is not the one expected
)

// Reasons lists them all, in the order in which a page meets them.
func Reasons() []Reason {
	return []Reason{
		LaunchFailed, BrowserLost, NoResponse, Certificate, Download, NoPaint, NoLoad, MainStuck, CPUBusy, NetworkBusy,
		RendererCrash, Expectation,
	}
}

// OfBrowser says that the fault is the browser's and says nothing of the page.
func (r Reason) OfBrowser() bool { return r == LaunchFailed || r == BrowserLost }
