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
      "iterations": 4,
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
    "cookie c: its value may be a secret and does not stand in the script, which reads it from PERFWATCH_COOKIE_C",
    "header X-Other: its value may be a secret and does not stand in the script, which reads it from PERFWATCH_HEADER_X_OTHER",
    "header X-Key: its value may be a secret and does not stand in the script, which reads it from PERFWATCH_HEADER_X_KEY",
    "load.abort: k6 judges error_ratio over the whole run, not over its last 5 s",
    "environment: the script needs PERFWATCH_COOKIE_C, PERFWATCH_HEADER_X_KEY, PERFWATCH_HEADER_X_OTHER, SECRET",
    "bursts: k6 keeps no budget, blackout or list of hosts, and asks nobody before it begins",
  ],
  ends: 600000, // milliseconds after the start
  stagger: 0, // milliseconds between the starts of users
  think: {"min":0,"max":0,"mean":0}, // milliseconds
  lists: [
    {"period":1,"step":1,"upto":[1],"to":[0]},
  ],
  setup: [
    {"name":"login","method":"POST","url":["http://127.0.0.1:8000/login?keep"],"headers":[{"name":"Content-Type","value":["application/json"]}],"body":["{\"<k\\\"y>\":[1,null,true,2.5],\"n\":",{"as":"json","from":7,"kind":"int","to":7},",\"name\":\"u",{"as":"json","kind":"user"},"\",\"secret\":\"",{"as":"json","kind":"env","name":"SECRET"},"\"}"],"redirects":10,"timeout":5000,"expect":{},"captures":[{"name":"all","slot":0,"json":["list"]},{"name":"id","slot":1,"header":"X-Id"},{"name":"n","slot":2,"json":["n"]},{"name":"no","slot":3,"json":["no"]},{"name":"token","slot":4,"json":["user","tokens",-1]}]},
    {"name":"page","method":"GET","url":["http://127.0.0.1:8000/page?id=",{"as":"url","kind":"captured","slot":1},"&n=",{"as":"url","kind":"captured","slot":2},"&no=",{"as":"url","kind":"captured","slot":3},"&all=",{"as":"url","kind":"captured","slot":0}],"redirects":10,"timeout":5000,"expect":{},"captures":[{"name":"end","slot":5,"matches":"(?:end)[^\\n](?:of)"},{"name":"page","slot":6,"matches":"(?:[Pp][Aa][Gg][Ee]\\u{20})([0-9]+)","group":1}]},
  ],
  tasks: [
    {"task":"get","name":"get","method":"GET","url":["http://127.0.0.1:8000/get/",{"as":"url","kind":"captured","slot":4},"?p=",{"as":"url","kind":"captured","slot":6},"&q=",{"as":"url","column":0,"kind":"column"},"&e=",{"as":"url","kind":"captured","slot":5}],"headers":[{"name":"Accept","value":["text/html"]},{"name":"Authorization","value":["Bearer ",{"kind":"captured","slot":4}]},{"name":"Cookie","value":["c=",{"kind":"env","name":"PERFWATCH_COOKIE_C"}]},{"name":"X-Key","value":[{"kind":"env","name":"PERFWATCH_HEADER_X_KEY"}]},{"name":"X-Other","value":[{"kind":"env","name":"PERFWATCH_HEADER_X_OTHER"},{"kind":"user"}]}],"redirects":10,"timeout":5000,"expect":{}},
  ],
  elapsed: false,
};

const columns = [
  {
    name: "place", n: 2, pick: "sequential", exponent: 0, order: {"setup":false,"each":1,"tasks":null,"period":0},
    values: new SharedArray("place", () => ["a b","c/d"]),
  },
];

