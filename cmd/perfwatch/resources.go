package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"
	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/operator"
)

// The formats of rules that are none: what else the Prometheus Operator reads.
const (
	formatServiceMonitor = "servicemonitor"
	formatProbe          = "probe"
)

// resources are the flags of what the Prometheus Operator reads.
type resources struct {
	metadata     operator.Metadata
	port, prober string
}

func (r *resources) addTo(cmd *kingpin.CmdClause) {
	cmd.Flag("name", "Name of the resource, and the first part of it where there are several.").Default("perfwatch").
		StringVar(&r.metadata.Name)
	cmd.Flag("namespace", "Namespace of the resource.").StringVar(&r.metadata.Namespace)
	r.metadata.Labels = map[string]string{}
	cmd.Flag("label", "A label of the resource, by which operators select, as release=prometheus.").
		StringMapVar(&r.metadata.Labels)
	cmd.Flag("service-port", "Name of the port of perfwatch's Service, for a servicemonitor.").Default("http").StringVar(&r.port)
	cmd.Flag("prober-url", "Host and port that Prometheus reaches perfwatch by, for a probe; default: port 10095 of the Service "+
		"of the resource's name.").StringVar(&r.prober)
}

// check says what is wrong with the flags for a format.
func (r *resources) check(format string) error {
	if format == string(alerts.Prometheus) {
		return nil
	}
	if err := r.metadata.Check(); err != nil {
		return err
	}
	return operator.CheckPort(r.port)
}

// write prints resources of a format, or writes them into a folder.
func (r *resources) write(c *cli, cfg *config.Config, format, dir string) error {
	all, err := r.of(c, cfg, format)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	text.WriteString("# " + alerts.Generated + " from perfwatch.yml. Change that, not this file.\n")
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	for _, one := range all {
		if err := enc.Encode(one); err != nil {
			return fmt.Errorf("encoding YAML: %w", err)
		}
	}
	if dir != "" {
		return writeFiles(dir, map[string][]byte{"perfwatch." + format + ".yml": text.Bytes()})
	}
	_, err = c.stdout.Write(text.Bytes())
	return err
}

// of makes the resources of a format. It says which probes have none.
func (r *resources) of(c *cli, cfg *config.Config, format string) ([]operator.Resource, error) {
	if format == formatServiceMonitor {
		one, err := operator.ServiceMonitor(cfg, r.metadata, r.port)
		return []operator.Resource{one}, err
	}
	probes := cfg.OnDemand.Probes
	if len(probes) == 0 {
		return nil, errors.New("no probe has targets: on_demand, want one to make a Probe of")
	}
	all, err := operator.Probes(cfg, r.metadata, r.prober)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no target is known of %d probes, want file_sd in one to make a Probe of", len(probes))
	}
	for _, p := range slices.DeleteFunc(slices.Clone(probes), func(t config.Template) bool { return len(t.Known) > 0 }) {
		fmt.Fprintf(c.stderr, "note: of probe %s no target is known, it has no Probe\n", p.Name)
	}
	return all, err
}
