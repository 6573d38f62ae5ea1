package config

import (
	"reflect"
	"slices"
	"testing"

	"github.com/perfwatch/perfwatch/probes"
)

// What a field says of itself must be what its kind says: labels, groups and messages come from Kind, keys from the tag.
func TestAKindIsOneField(t *testing.T) {
	var none Kinds
	if none.Kind() != "" || none.Spec() != nil || none.given() != nil {
		t.Errorf("no kind: %q, %v, want nothing", none.Kind(), none.Spec())
	}
	for i, name := range kindNames() {
		var k Kinds
		field := reflect.ValueOf(&k).Elem().Field(i)
		field.Set(reflect.New(field.Type().Elem()))
		if got := k.Kind(); got != name || name == "" {
			t.Errorf("kind of the field %q: %q", name, got)
		}
		_, asked := field.Interface().(probes.Spec)
		if got := k.Spec(); (got != nil) != asked || asked == (name == "load") {
			t.Errorf("spec of %q: %v, want one of every kind but load", name, got)
		}
	}
	if names := kindNames(); !slices.Contains(names, "http") {
		t.Errorf("kinds %v, want http among them", names)
	}
}
