// A load test for Grafana k6 1.0 and later, written by perfwatch from one of its bursts.
//
// Each iteration is one request. What stands in upper case in __ENV is read from the environment: k6 run -e NAME=value.
import http from 'k6/http';
import exec from 'k6/execution';
import { sleep } from 'k6';
import { SharedArray } from 'k6/data';
import { Counter, Rate, Trend } from 'k6/metrics';

export const options = {
  "scenarios": {
    "burst": {
      "executor": "ramping-vus",
      "startVUs": 1,
      "stages": [
        {
          "duration": "9.9s",
          "target": 100
        },
        {
          "duration": "50.1s",
          "target": 100
        }
      ],
      "gracefulStop": "5s",
      "gracefulRampDown": "0s"
    }
  },
  "thresholds": {
    "perfwatch_failed": [
      {
        "threshold": "rate<=0.01"
      },
      {
        "threshold": "rate<=0.5",
        "abortOnFail": true,
        "delayAbortEval": "5s"
      }
    ],
    "perfwatch_response": [
      {
        "threshold": "p(95)<=2000"
      }
    ],
    "perfwatch_setup_failed": [
      {
        "threshold": "rate<=0.5",
        "abortOnFail": true
      }
    ]
  },
  "userAgent": "perfwatch",
  "noCookiesReset": true,
  "discardResponseBodies": true,
  "summaryTrendStats": [
    "avg",
    "min",
    "med",
    "p(95)",
    "p(99)",
    "max",
    "count"
  ]
};

const scenario = {
  probe: "burst",
  // What is other than in a burst of perfwatch.
  notes: [
    "objective burst_users: k6 does not measure load_users",
    "load.abort: k6 judges error_ratio over the whole run, not over its last 5 s",
    "environment: the script needs PERFWATCH_DEMO_PASSWORD",
    "bursts: k6 keeps no budget, blackout or list of hosts, and asks nobody before it begins",
  ],
  ends: 60000, // milliseconds after the start
  stagger: 0, // milliseconds between the starts of users
  think: {"min":1000,"max":3000,"mean":0}, // milliseconds
  lists: [
    {"period":48,"step":11,"upto":[2,4,6,10,14,18,24,30,36,39,42,44,46,48],"to":[0,1,2,3,4,5,6,7,8,9,10,11,12,13]},
  ],
  setup: [
    {"name":"login","method":"POST","url":["http://127.0.0.1:8000/api/auth/login"],"headers":[{"name":"Content-Type","value":["application/json"]}],"body":["{\"password\":\"",{"as":"json","kind":"env","name":"PERFWATCH_DEMO_PASSWORD"},"\",\"username\":\"user",{"as":"json","kind":"user"},"\"}"],"redirects":10,"timeout":5000,"expect":{},"captures":[{"name":"token","slot":0,"json":["access_token"]}]},
  ],
  tasks: [
    {"task":"dashboard","name":"view_dashboard","method":"GET","url":["http://127.0.0.1:8000/api/dashboard"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"dashboard","name":"get_portfolio_summary","method":"GET","url":["http://127.0.0.1:8000/api/portfolio/summary"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"dashboard","name":"get_market_overview","method":"GET","url":["http://127.0.0.1:8000/api/market/overview"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"portfolio","name":"list_holdings","method":"GET","url":["http://127.0.0.1:8000/api/portfolio/holdings"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"portfolio","name":"get_holding_details","method":"GET","url":["http://127.0.0.1:8000/api/portfolio/holdings/",{"as":"url","column":0,"kind":"column"}],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"portfolio","name":"get_performance","method":"GET","url":["http://127.0.0.1:8000/api/portfolio/performance"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"recommendation","name":"get_recommendations","method":"GET","url":["http://127.0.0.1:8000/api/recommendations"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{"status":[200],"type":"application/json"}},
    {"task":"recommendation","name":"get_recommendation_details","method":"GET","url":["http://127.0.0.1:8000/api/recommendations/",{"as":"url","from":1,"kind":"int","to":100}],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"recommendation","name":"get_ai_analysis","method":"GET","url":["http://127.0.0.1:8000/api/recommendations/",{"as":"url","from":1,"kind":"int","to":100},"/analysis"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"search","name":"search_stocks","method":"GET","url":["http://127.0.0.1:8000/api/search?q=",{"as":"url","column":0,"kind":"column"}],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"search","name":"autocomplete_search","method":"GET","url":["http://127.0.0.1:8000/api/search/autocomplete?q=",{"as":"url","column":0,"kind":"column"}],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"analytics","name":"get_stock_metrics","method":"GET","url":["http://127.0.0.1:8000/api/stocks/",{"as":"url","column":0,"kind":"column"},"/metrics"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"analytics","name":"get_price_history","method":"GET","url":["http://127.0.0.1:8000/api/stocks/",{"as":"url","column":0,"kind":"column"},"/history?days=365"],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"analytics","name":"get_correlation_analysis","method":"GET","url":["http://127.0.0.1:8000/api/analytics/correlation?symbols=",{"as":"url","column":0,"kind":"column"},",",{"as":"url","column":0,"kind":"column"}],"headers":[{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":0}]}],"redirects":10,"timeout":5000,"expect":{}},
  ],
  elapsed: false,
};

const columns = [
  {
    name: "symbol", n: 5, pick: "zipf", exponent: 2.6639489602530375, order: {"setup":false,"each":0,"tasks":null,"period":0},
    values: new SharedArray("symbol", () => ["AAPL","MSFT","GOOGL","AMZN","NVDA"]),
  },
];

// ---- What follows is the same in every script --------------------------------------------------------------------------

const failed = new Rate('perfwatch_failed');
const succeeded = new Counter('perfwatch_succeeded');
const response = new Trend('perfwatch_response', true);
const elapsed = new Trend('perfwatch_elapsed', true);
const setupFailed = new Rate('perfwatch_setup_failed');

const maxCaptured = 65536;

for (const c of columns.filter((c) => c.pick === 'zipf')) {
  c.sums = new SharedArray(`${c.name} sums`, () => {
    const sums = [];
    let sum = 0;
    for (let k = 1; k <= c.n; k++) sums.push((sum += Math.pow(k, -c.exponent)));
    return sums;
  });
}

for (const r of scenario.setup.concat(scenario.tasks)) {
  const e = r.expect;
  r.captures = r.captures || [];
  // For k6's own http_req_failed, which sees each redirect of a chain.
  r.statuses = http.expectedStatuses(...(e.status || [{ min: 200, max: 299 }]), ...(r.redirects ? [{ min: 300, max: 399 }] : []));
  r.reads = Boolean(e.matches || e.json || r.captures.some((c) => !c.header));
  for (const m of [e].concat(e.headers || [], r.captures)) {
    if (m.matches) m.regexp = new RegExp(m.matches, 'u');
  }
  r.tags = { task: r.task || '', endpoint: r.name };
  // One object for all of its requests: what changes in it is written anew for each.
  r.params = {
    headers: { 'Accept-Encoding': 'gzip', 'X-Synthetic-Traffic': 'perfwatch' },
    redirects: r.redirects,
    timeout: r.timeout,
    responseType: r.reads ? 'text' : 'none',
    responseCallback: r.statuses,
    tags: Object.assign({ name: r.name, part: scenario.tasks.includes(r) ? 'task' : 'setup' }, r.tags),
  };
}

// The user: each of k6's has this module for itself. What k6 knows of it costs too much to be asked for each time.
const user = {
  number: 0, // from 1
  now: null, // exec.scenario
  start: 0, // of the scenario, milliseconds
  begun: false,
  counted: false, // in perfwatch_setup_failed
  trace: '',
  list: 0,
  drawn: [],
  captured: [],
  first: [],
  taken: [],
};

export default function () {
  if (user.number === 0) {
    user.number = exec.vu.idInTest;
    user.now = exec.scenario;
    user.start = user.now.startTime;
    if (scenario.stagger > 0) wait(user.start + (user.number - 1) * scenario.stagger);
    if (Date.now() >= user.start + scenario.ends) return;
  }
  if (!user.begun && !begin()) return;
  const n = user.now.iterationInTest;
  const task = draw(n);
  for (let i = 0; i < columns.length; i++) {
    user.first[i] = before(columns[i].order, n);
    user.taken[i] = 0;
  }
  const r = scenario.tasks[task];
  const answer = send(r);
  const good = answer.wrong === '';
  failed.add(!good, r.tags);
  response.add(answer.took, r.tags);
  if (good) succeeded.add(1, r.tags);
  if (scenario.elapsed) elapsed.add(Date.now() - user.start);
  think();
}

// begin sends the setup of a user, and says whether all went well. A user for whom it did not tries again in the next
// iteration.
function begin() {
  for (let i = 0; i < columns.length; i++) {
    user.first[i] = (user.number - 1) * columns[i].order.each;
    user.taken[i] = 0;
  }
  for (const step of scenario.setup) {
    const answer = send(step);
    if (answer.wrong !== '') {
      if (!user.counted) setupFailed.add(true);
      user.counted = true;
      console.warn(`setup step ${JSON.stringify(step.name)}: ${answer.wrong}`);
      sleep(1);
      return false;
    }
  }
  if (!user.counted && scenario.setup.length > 0) setupFailed.add(false);
  user.counted = true;
  user.begun = true;
  return true;
}

// draw is the task of request n. With sticky groups users draw for themselves, each from a place of their own.
function draw(n) {
  const lists = scenario.lists;
  if (lists.length === 1) return at(lists[0], n);
  for (;;) {
    const k = user.drawn[user.list] ?? user.number;
    user.drawn[user.list] = k + 1;
    const to = at(lists[user.list], k);
    if (to >= 0) return to;
    user.list = -1 - to;
  }
}

// at is what draw n of a list comes to.
function at(list, n) {
  const rest = n % list.period;
  const place = (rest * list.step + (n - rest) / list.period) % list.period;
  let i = 0;
  while (place >= list.upto[i]) i++;
  return list.to[i];
}

// before counts the draws of a column in the requests before n.
function before(order, n) {
  if (order.setup || !order.tasks) return n * order.each;
  const list = scenario.lists[0];
  const rest = n % list.period;
  let sum = ((n - rest) / list.period) * order.period;
  for (let k = n - rest; k < n; k++) sum += order.tasks[at(list, k)];
  return sum;
}

// send sends a request, and says what was wrong with its answer and how long it took.
function send(r) {
  const headers = r.params.headers;
  headers.Traceparent = trace();
  for (const h of r.headers || []) headers[h.name] = write(h.value);
  const url = write(r.url);
  const body = r.body ? write(r.body) : null;
  const begun = Date.now();
  const res = http.request(r.method, url, body, r.params);
  // The timings are those of the last request only, and of none that failed.
  const whole = res.status !== 0 && res.url === url;
  const took = whole ? res.timings.blocked + res.timings.duration : Date.now() - begun;
  return { wrong: wrong(r, res), took };
}

// wrong says what is wrong with an answer, without any of its text; nothing if it is good.
function wrong(r, res) {
  const e = r.expect;
  if (res.status === 0) return `error ${res.error_code}`;
  if (e.status ? !e.status.includes(res.status) : Math.floor(res.status / 100) !== 2) return `status ${res.status}`;
  if (e.type && (res.headers['Content-Type'] || '').split(';')[0].trim().toLowerCase() !== e.type) return 'content type';
  for (const h of e.headers || []) {
    if (!h.regexp.test(res.headers[h.name] || '')) return `header ${h.name}`;
  }
  const text = r.reads ? res.body || '' : '';
  if (e.regexp && !e.regexp.test(text)) return 'no match in the body';
  if (e.json) {
    const value = dig(text, e.json);
    if (value === null || value === false) return 'the query of the body';
  }
  for (const c of r.captures) {
    const value = captured(c, res, text);
    if (value === '' || value.length > maxCaptured) return `nothing to capture for ${c.name}`;
    user.captured[c.slot] = value;
  }
  return '';
}

function captured(c, res, text) {
  if (c.header) return (res.headers[c.header] || '').split(', ')[0];
  if (c.regexp) {
    const found = c.regexp.exec(text);
    return (found && found[c.group || 0]) || '';
  }
  const value = dig(text, c.json);
  if (value === null) return '';
  return sound(typeof value === 'string' ? value : JSON.stringify(value));
}

// sound is a text, or nothing if it is no Unicode: half a character has no place in a URL.
function sound(text) {
  try {
    encodeURIComponent(text);
    return text;
  } catch (e) {
    return '';
  }
}

// dig goes down into a JSON text by keys and places; null if there is nothing.
function dig(text, path) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (e) {
    return null;
  }
  for (const step of path) {
    if (value === null || typeof value !== 'object' || Array.isArray(value) !== (typeof step === 'number')) return null;
    const key = typeof step === 'number' && step < 0 ? value.length + step : step;
    value = Object.prototype.hasOwnProperty.call(value, key) ? value[key] : null;
  }
  return value;
}

function write(text) {
  let all = '';
  for (const part of text) all += typeof part === 'string' ? part : encoded(part.as, filled(part));
  return all;
}

function encoded(as, value) {
  if (as === 'url') {
    return encodeURIComponent(value).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
  }
  return as === 'json' ? JSON.stringify(value).slice(1, -1) : value;
}

function filled(part) {
  switch (part.kind) {
    case 'captured':
      return user.captured[part.slot];
    case 'column':
      return value(part.column);
    case 'user':
      return String(user.number);
    case 'int':
      return String(part.from + Math.floor(Math.random() * (part.to - part.from + 1)));
    case 'vector':
      return vector(part.n);
    case 'matrix':
      return `[${Array.from({ length: part.rows }, () => vector(part.n)).join(',')}]`;
    case 'uuid':
      return crypto.randomUUID();
    case 'env':
      return variable(part.name);
  }
  throw new Error(`no template ${part.kind}`);
}

// value draws from a column.
function value(i) {
  const c = columns[i];
  let k;
  switch (c.pick) {
    case 'zipf':
      k = rank(c.sums, Math.random() * c.sums[c.n - 1]);
      break;
    case 'sequential':
      k = (user.first[i] + user.taken[i]++) % c.n;
      break;
    case 'unique':
      k = user.first[i] + user.taken[i]++;
      if (k >= c.n) exec.test.abort(`the data ${c.name} is used up`);
      break;
    default:
      k = Math.floor(Math.random() * c.n);
  }
  return c.values ? c.values[k] : String(k + 1);
}

// rank is the first place whose sum is above x.
function rank(sums, x) {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

// vector writes n numbers from 0 up to 1 with six digits.
function vector(n) {
  let all = '[';
  for (let i = 0; i < n; i++) all += (i ? ',0.' : '0.') + String(1000000 + Math.floor(Math.random() * 1000000)).slice(1);
  return all + ']';
}

// trace gives each request a trace of its own, https://www.w3.org/TR/trace-context/. Half of its id is the user's.
function trace() {
  if (user.trace === '') user.trace = hex() + hex();
  const high = hex();
  const low = hex();
  return `00-${user.trace}${high}${low}-${low}${high}-01`;
}

// hex is eight random digits, of which one at least is not 0.
function hex() {
  return (4294967297 + Math.floor(Math.random() * 4294967295)).toString(16).slice(1);
}

function variable(name) {
  const value = __ENV[name];
  if (value === undefined) exec.test.abort(`the variable ${name} is not set: k6 run -e ${name}=…`);
  return value;
}

// think waits as the scenario says.
function think() {
  const t = scenario.think;
  const mean = Math.min(-Math.log(1 - Math.random()), 10) * t.mean;
  const ms = t.mean > 0 ? mean : t.min + Math.random() * (t.max - t.min);
  if (ms > 0) wait(Date.now() + ms);
}

// wait sleeps until an instant. It is over a moment after the scenario ends, when k6 begins no more iterations.
function wait(until) {
  const ms = Math.min(until, user.start + scenario.ends + 200) - Date.now();
  if (ms > 0) sleep(ms / 1000);
}
