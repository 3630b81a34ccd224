// A target that client_golang instruments, with every kind of metric it has; native histograms among them. It observes a few
// fixed values, and one more for each `/observe?v=1.5`. The only argument is the address to listen on.
package main

import (
	"fmt"
	"log"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	registry := prometheus.NewRegistry()
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:                            "dns_took_seconds",
		Help:                            "Native alone.",
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"zone"})
	both := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:                        "dns_size_bytes",
		Help:                        "Native and classic.",
		Buckets:                     []float64{64, 512, 4096},
		NativeHistogramBucketFactor: 2,
	})
	classic := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "dns_classic_seconds",
		Help:    "Classic alone.",
		Buckets: []float64{0.001, 0.01, 1},
	})
	empty := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:                        "dns_empty_seconds",
		Help:                        "Native, without any observation.",
		NativeHistogramBucketFactor: 1.1,
	})
	asked := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dns_asked_total", Help: "Questions."}, []string{"zone"})
	entries := prometheus.NewGauge(prometheus.GaugeOpts{Name: "dns_entries", Help: "A gauge."})
	pause := prometheus.NewSummary(prometheus.SummaryOpts{
		Name:       "dns_pause_seconds",
		Help:       "A summary.",
		Objectives: map[float64]float64{0.5: 0.05},
		MaxAge:     time.Hour,
	})
	registry.MustRegister(took, both, classic, empty, asked, entries, pause)

	observe := func(value float64) {
		took.WithLabelValues("example.org.").(prometheus.ExemplarObserver).ObserveWithExemplar(
			value, prometheus.Labels{"trace_id": fmt.Sprintf("%032x", int(math.Abs(value)*1e6)), "path": "a"})
		both.(prometheus.ExemplarObserver).ObserveWithExemplar(value*1000, prometheus.Labels{"trace_id": "00ff"})
		classic.Observe(value)
		pause.Observe(value)
		asked.WithLabelValues("example.org.").(prometheus.ExemplarAdder).AddWithExemplar(1, prometheus.Labels{"path": "b"})
		entries.Add(value)
	}
	for _, value := range []float64{0, 1e-9, 0.0005, 0.0005, 0.004, 0.02, 0.02, 3, 3.1, 40, -0.25, -17, 1e12} {
		observe(value)
	}
	took.WithLabelValues("other.").Observe(1)

	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	http.HandleFunc("/observe", func(_ http.ResponseWriter, request *http.Request) {
		value, err := strconv.ParseFloat(request.URL.Query().Get("v"), 64)
		if err == nil {
			observe(value)
		}
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
