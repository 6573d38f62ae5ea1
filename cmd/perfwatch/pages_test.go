package main

import (
	"testing"
)

func TestABurstGoesBeforeThePagesOfItsHost(t *testing.T) {
	var ts turns
	here, endHere, free := ts.page(t.Context(), "a:80")
	there, endThere, other := ts.page(t.Context(), "b:80")
	if !free || !other {
		t.Fatal("without a burst a page may not begin")
	}
	endBurst := ts.burst([]string{"a:80"})
	if here.Err() == nil || there.Err() != nil {
		t.Errorf("of the burst's host %v, of another %v, want only the first to be canceled", here.Err(), there.Err())
	}
	if _, _, free := ts.page(t.Context(), "a:80"); free {
		t.Error("a page begins while a burst runs against its host")
	}
	endHere()
	endThere()
	endBurst()
	if _, end, free := ts.page(t.Context(), "a:80"); !free {
		t.Error("after the burst no page may begin")
	} else {
		end()
	}
	if len(ts.pages) != 0 {
		t.Errorf("%d pages are still known, want none", len(ts.pages))
	}
}
