package config

import (
	"reflect"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// Kinds has one field for each kind of probe, under the name that its Kind gives it. A new kind is one field more:
// nothing else in this package or in cmd names them one by one.
type Kinds struct {
	HTTP *probes.HTTP         `yaml:"http"`
	TCP  *probes.TCP          `yaml:"tcp"`
	TLS  *probes.TLSHandshake `yaml:"tls"`
	DNS  *probes.DNSQuery     `yaml:"dns"`
	GRPC *probes.GRPC         `yaml:"grpc"`
	ICMP *probes.ICMP         `yaml:"icmp"`
	Exec *probes.Exec         `yaml:"exec"`
	SQL  *probes.SQL          `yaml:"sql"`

	Journey     *load.Journey       `yaml:"journey"`
	Consistency *probes.Consistency `yaml:"consistency"`
	Canary      *probes.Canary      `yaml:"canary"`

	Page *probes.Page `yaml:"page"`
	Load *load.Spec   `yaml:"load"`
}

// A kind is what each field of Kinds is: the spec of a probe, or that of a burst.
type kind interface{ Kind() string }

// given lists the kinds that are set, in the order of their fields.
func (k *Kinds) given() (set []kind) {
	for _, f := range reflect.ValueOf(k).Elem().Fields() {
		if f.IsNil() {
			continue
		}
		if s, ok := f.Interface().(kind); ok {
			set = append(set, s)
		}
	}
	return set
}

// Kind is the name of the kind that is set; "" if none is.
func (k *Kinds) Kind() string {
	if set := k.given(); len(set) > 0 {
		return set[0].Kind()
	}
	return ""
}

// Spec is the spec of the probe; nil if it is a burst, which has a plan in its place, or nothing at all.
func (k *Kinds) Spec() probes.Spec {
	for _, s := range k.given() {
		if spec, ok := s.(probes.Spec); ok {
			return spec
		}
	}
	return nil
}

// kindNames lists every kind there is.
func kindNames() (names []string) {
	for f := range reflect.TypeFor[Kinds]().Fields() {
		names = append(names, f.Tag.Get("yaml"))
	}
	return names
}
