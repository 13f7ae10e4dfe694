// Command aso writes the CustomResourceDefinitions of the API versions that package api imports
// into a folder. Azure Service Operator has none in its repository; its Go types have the markers.
//
//	GOWORK=off go run . FOLDER
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-tools/pkg/crd"
	crdmarkers "sigs.k8s.io/controller-tools/pkg/crd/markers"
	"sigs.k8s.io/controller-tools/pkg/loader"
	"sigs.k8s.io/controller-tools/pkg/markers"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: aso FOLDER")
	}
	if err := generate(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func generate(folder string) error {
	versions, err := load()
	if err != nil {
		return err
	}
	registry := new(markers.Registry)
	if err := crdmarkers.Register(registry); err != nil {
		return err
	}
	parser := &crd.Parser{
		Collector: &markers.Collector{Registry: registry}, Checker: new(loader.TypeChecker),
		AllowDangerousTypes: true, // percentages are floating-point numbers
	}
	crd.AddKnownTypes(parser)
	for _, version := range versions {
		parser.NeedPackage(version)
	}
	none := 0
	for _, kind := range crd.FindKubeKinds(parser, crd.FindMetav1(versions)) {
		parser.NeedCRDFor(kind, &none)
		if err := write(folder, parser.CustomResourceDefinitions[kind]); err != nil {
			return err
		}
	}
	return nil
}

// load returns the packages that package api imports.
func load() ([]*loader.Package, error) {
	roots, err := loader.LoadRoots("./api")
	if err != nil {
		return nil, err
	}
	var versions []*loader.Package
	for _, version := range roots[0].Imports() {
		versions = append(versions, version)
	}
	return versions, nil
}

// write writes a definition in which the last version is the stored one. The operator stores a
// version of its own and converts, which neither validation nor admission needs.
func write(folder string, definition apiextensions.CustomResourceDefinition) error {
	crd.FixTopLevelMetadata(definition)
	all := definition.Spec.Versions
	for i := range all {
		all[i].Storage = i == len(all)-1
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": definition.APIVersion, "kind": definition.Kind,
		"metadata": map[string]string{"name": definition.Name}, "spec": definition.Spec,
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s_%s.yaml", definition.Spec.Group, definition.Spec.Names.Plural)
	return os.WriteFile(filepath.Join(folder, name), text, 0o600)
}
