package text

import (
	"regexp"
	"strconv"
	"strings"
)

// quantity is an amount of KOS: 12.3GB, 500분, 100건.
var quantity = regexp.MustCompile(`^([0-9][0-9,]*(?:\.[0-9]+)?) ?(TB|GB|MB|KB|분|건)$`)

// megabytes are the sizes of units of data.
var megabytes = map[string]float64{"TB": 1 << 20, "GB": 1 << 10, "MB": 1, "KB": 1.0 / (1 << 10)}

// Amount reads an amount of KOS in a unit that is the same for all amounts of its kind. A text such as 무제한 is
// no amount.
func Amount(own string) (value float64, unit string, ok bool) {
	found := quantity.FindStringSubmatch(own)
	if found == nil {
		return 0, "", false
	}
	value, err := strconv.ParseFloat(strings.ReplaceAll(found[1], ",", ""), 64)
	if size, data := megabytes[found[2]]; data {
		return value * size, "MB", err == nil
	}
	return value, found[2], err == nil
}
