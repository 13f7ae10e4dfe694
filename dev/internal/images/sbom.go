package images

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// billOfMaterials returns a CycloneDX list of the modules in a program's build information, and the
// standard library.
func (b Builder) billOfMaterials(app string, program []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("read what %s consists of: %w", app, err)
	}
	main := component(info.Main.Path, b.Release.Version, cdx.ComponentTypeApplication)
	main.Name = app
	digest := sha256.Sum256(program)
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(digest[:])}}
	libraries := []cdx.Component{component("stdlib", strings.TrimPrefix(info.GoVersion, "go"), cdx.ComponentTypeLibrary)}
	for _, module := range info.Deps {
		libraries = append(libraries, b.library(module))
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = serial(digest)
	bom.Metadata = &cdx.Metadata{Timestamp: b.Release.Created.Format(time.RFC3339), Component: &main}
	bom.Components = &libraries
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: references(libraries)}}
	var out bytes.Buffer
	err = cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
	return out.Bytes(), err
}

// library returns the component of a module. Modules of this repository have the release's version.
func (b Builder) library(module *debug.Module) cdx.Component {
	if module.Replace == nil {
		library := component(module.Path, module.Version, cdx.ComponentTypeLibrary)
		library.Properties = &[]cdx.Property{{Name: "go.sum", Value: module.Sum}}
		return library
	}
	if strings.HasPrefix(module.Replace.Path, ".") {
		return component(module.Path, b.Release.Version, cdx.ComponentTypeLibrary)
	}
	return b.library(module.Replace)
}

func component(module, version string, kind cdx.ComponentType) cdx.Component {
	url := "pkg:golang/" + module + "@" + version
	return cdx.Component{Type: kind, BOMRef: url, Name: module, Version: version, PackageURL: url}
}

func references(components []cdx.Component) *[]string {
	var names []string
	for _, c := range components {
		names = append(names, c.BOMRef)
	}
	return &names
}

// serial returns a UUID (RFC 9562, version 8) derived from the program.
func serial(digest [sha256.Size]byte) string {
	id := digest[:16]
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
