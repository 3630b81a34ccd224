// Prometheus' own remote-write sender suite, run on dnscol. DNSCOL is the command to run, arguments and all.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/compliance/remotewrite/sender"
)

const config = `
receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: '%s'
          scrape_interval: 1s
          static_configs:
            - targets: ['%s']
exporters:
  prometheusremotewrite:
    endpoint: '%s'
    protobuf_message: '%s'
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [prometheusremotewrite]}
`

type dnscol struct{}

func (dnscol) Name() string { return "dnscol" }

func (dnscol) Run(ctx context.Context, o sender.Options) error {
	dir, err := os.MkdirTemp("", "rwsender-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "agent.yaml")
	text := fmt.Sprintf(config, o.ScrapeTargetJobName, o.ScrapeTargetHostPort, o.RemoteWriteEndpointURL, o.RemoteWriteMessage)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	command := append(strings.Fields(os.Getenv("DNSCOL")), "--config", file)
	return sender.RunCommand(ctx, dir, nil, command[0], command[1:]...)
}

func TestSender(t *testing.T) {
	sender.RunTests(t, dnscol{}, sender.ComplianceTests())
}
