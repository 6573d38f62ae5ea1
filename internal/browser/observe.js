// Runs in an isolated world before the page's first script, where the page can neither see nor change it.
(() => {
  if (self !== self.top) return;
  const most = 20000; // of each kind
  const fresh = { tasks: [], shifts: [] };
  const seen = { fcp: 0, lcp: 0 };
  const observers = [];
  const observe = (type, take) => {
    const all = (entries) => { for (const e of entries) take(e); };
    try {
      const o = new PerformanceObserver((list) => all(list.getEntries()));
      o.observe({ type, buffered: true });
      observers.push(() => all(o.takeRecords()));
    } catch { /* this browser does not know the type */ }
  };
  observe('paint', (e) => { if (e.name === 'first-contentful-paint') seen.fcp = e.startTime; });
  observe('largest-contentful-paint', (e) => { seen.lcp = e.startTime; });
  observe('longtask', (e) => { if (fresh.tasks.length < most) fresh.tasks.push(e.startTime, e.duration); });
  observe('layout-shift', (e) => {
    if (!e.hadRecentInput && fresh.shifts.length < most) fresh.shifts.push(e.startTime, e.value);
  });
  // What came since the last call, and where the page is.
  globalThis.perfwatch = (marks) => {
    for (const flush of observers) flush();
    const nav = performance.getEntriesByType('navigation')[0] || {};
    const out = {
      now: performance.now(), fcp: seen.fcp, lcp: seen.lcp,
      ttfb: nav.responseStart || 0, parsed: nav.domContentLoadedEventEnd || 0, loaded: nav.loadEventEnd || 0,
      tasks: fresh.tasks, shifts: fresh.shifts, marks: {},
    };
    for (const name of marks) {
      const m = performance.getEntriesByName(name, 'mark')[0];
      if (m) out.marks[name] = m.startTime;
    }
    fresh.tasks = []; fresh.shifts = [];
    return out;
  };
})();
