package enginetest

import "fmt"

// numbered returns n payloads: prefix-0, prefix-1, ...
func numbered(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return list
}
