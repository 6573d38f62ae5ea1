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
      "executor": "per-vu-iterations",
      "vus": 2,
      "iterations": 9,
      "maxDuration": "10m0s",
      "gracefulStop": "5s"
    }
  },
  "thresholds": {
    "perfwatch_failed": [
      {
        "threshold": "rate<=0.5",
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
    "load.abort: k6 judges error_ratio over the whole run, not over its last 5 s",
    "bursts: k6 keeps no budget, blackout or list of hosts, and asks nobody before it begins",
  ],
  ends: 600000, // milliseconds after the start
  stagger: 0, // milliseconds between the starts of users
  think: {"min":0,"max":0,"mean":0}, // milliseconds
  lists: [
    {"period":3,"step":1,"upto":[1,2,3],"to":[0,1,2]},
  ],
  setup: [
  ],
  tasks: [
    {"task":"json","name":"json","method":"POST","url":["http://127.0.0.1:8000/json"],"headers":[{"name":"Content-Type","value":["application/json"]}],"body":["{\"a\":",{"as":"json","from":1,"kind":"int","to":1},",\"b\":\"x",{"as":"json","from":1,"kind":"int","to":1},"\",\"c\":\"${c} </script>\",\"d\":\"",{"as":"json","column":0,"kind":"column"},"\"}"],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"form","name":"form","method":"POST","url":["http://127.0.0.1:8000/form"],"headers":[{"name":"Content-Type","value":["application/x-www-form-urlencoded"]}],"body":["a=%26&b=1+2"],"redirects":10,"timeout":5000,"expect":{}},
    {"task":"text","name":"text","method":"PUT","url":["http://127.0.0.1:8000/text"],"headers":[{"name":"Content-Type","value":["text/csv"]}],"body":[{"column":0,"kind":"column"},",",{"column":0,"kind":"column"}],"redirects":10,"timeout":5000,"expect":{}},
  ],
  elapsed: false,
};

const columns = [
  {
    name: "symbol", n: 1, pick: "uniform", exponent: 0, order: {"setup":false,"each":0,"tasks":null,"period":0},
    values: new SharedArray("symbol", () => ["\"<Ä\\"]),
  },
];

