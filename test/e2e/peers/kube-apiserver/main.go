// The Kubernetes API server, as its own main is, but outside of its repository: the modules that this keeps beside itself are
// published under versions of their own, which go.mod names.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
