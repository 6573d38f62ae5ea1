// Package browser loads pages in a real Chromium and says how fast they were. It keeps one browser alive behind the
// DevTools protocol, loads each page in a fresh context, and computes the measures from what the page and the network did.
// It knows nothing of probes, schedules or metrics.
package browser
