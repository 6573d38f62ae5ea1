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
      "executor": "shared-iterations",
      "vus": 1,
      "iterations": 17,
      "maxDuration": "10m0s",
      "gracefulStop": "5s"
    }
  },
  "thresholds": {
    "perfwatch_failed": [
      {
        "threshold": "rate<=1",
        "abortOnFail": true,
        "delayAbortEval": "5s"
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
    "load.tasks[11].http.expect.status: k6 follows no redirect here, also none that is not named",
    "load.abort: k6 judges error_ratio over the whole run, not over its last 5 s",
    "bursts: k6 keeps no budget, blackout or list of hosts, and asks nobody before it begins",
  ],
  ends: 600000, // milliseconds after the start
  stagger: 0, // milliseconds between the starts of users
  think: {"min":0,"max":0,"mean":0}, // milliseconds
  lists: [
    {"period":17,"step":5,"upto":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17],"to":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]},
  ],
  setup: [
  ],
  tasks: [
    {"task":"type","name":"type","method":"GET","url":["http://127.0.0.1:8000/1"],"redirects":10,"timeout":5000,"expect":{"type":"text/html"}},
    {"task":"other type","name":"other type","method":"GET","url":["http://127.0.0.1:8000/2"],"redirects":10,"timeout":5000,"expect":{"type":"text/plain"}},
    {"task":"text","name":"text","method":"GET","url":["http://127.0.0.1:8000/3"],"redirects":10,"timeout":5000,"expect":{"matches":"(?:[Pp][Aa][Gg][Ee])[\\u{9}-\\u{a}\\u{c}-\\u{d}\\u{20}](?:[0-9]{2,2})\\u{3c}(?:[\\s\\S]*)[Kk\\u{212a}]"}},
    {"task":"other text","name":"other text","method":"GET","url":["http://127.0.0.1:8000/4"],"redirects":10,"timeout":5000,"expect":{"matches":"(?:(?:^|(?<=\\n)))(?:end)(?:(?:$|(?=\\n)))"}},
    {"task":"header","name":"header","method":"GET","url":["http://127.0.0.1:8000/5"],"redirects":10,"timeout":5000,"expect":{"headers":[{"name":"X-Id","matches":"(?:^)(?:id)[0-9](?:$)"},{"name":"X-None","matches":"(?:^)(?:$)"}]}},
    {"task":"other header","name":"other header","method":"GET","url":["http://127.0.0.1:8000/6"],"redirects":10,"timeout":5000,"expect":{"headers":[{"name":"X-Id","matches":"(?:^)(?:$)"}]}},
    {"task":"query","name":"query","method":"POST","url":["http://127.0.0.1:8000/login"],"redirects":10,"timeout":5000,"expect":{"json":["user","tokens"]}},
    {"task":"other query","name":"other query","method":"POST","url":["http://127.0.0.1:8000/login"],"redirects":10,"timeout":5000,"expect":{"json":["no"]}},
    {"task":"no value","name":"no value","method":"POST","url":["http://127.0.0.1:8000/login"],"redirects":10,"timeout":5000,"expect":{"json":["n","x"]}},
    {"task":"no json","name":"no json","method":"GET","url":["http://127.0.0.1:8000/7"],"redirects":10,"timeout":5000,"expect":{"json":[]}},
    {"task":"redirect","name":"redirect","method":"GET","url":["http://127.0.0.1:8000/there"],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"redirect that is good","name":"redirect that is good","method":"GET","url":["http://127.0.0.1:8000/there"],"redirects":0,"timeout":5000,"expect":{"status":[302]}},
    {"task":"redirect that is not followed","name":"redirect that is not followed","method":"GET","url":["http://127.0.0.1:8000/there"],"redirects":0,"timeout":5000,"expect":{}},
    {"task":"broken","name":"broken","method":"GET","url":["http://127.0.0.1:8000/broken"],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"broken as expected","name":"broken as expected","method":"GET","url":["http://127.0.0.1:8000/broken"],"redirects":10,"timeout":5000,"expect":{"status":[500,503]}},
    {"task":"broken as expected too","name":"broken as expected too","method":"GET","url":["http://127.0.0.1:8000/broken"],"redirects":10,"timeout":5000,"expect":{"status":[500]}},
    {"task":"refused","name":"refused","method":"GET","url":["http://127.0.0.1:1/"],"redirects":10,"timeout":5000,"expect":{}},
  ],
  elapsed: false,
};

const columns = [
];

