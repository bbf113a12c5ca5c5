package main

import "testing"

// exits makes a guard whose exits are kept instead of done.
func exits(lost bool) (*guard, *[]int) {
	var codes []int
	g := newGuard()
	g.exit = func(code int) { codes = append(codes, code) }
	if lost {
		g.begin(true)
	}
	return g, &codes
}

func TestTheLossDecidesTheExitCode(t *testing.T) {
	for _, c := range []struct {
		lost bool
		code int
	}{{false, 1}, {true, exitLost}} {
		g, codes := exits(c.lost)
		g.leave(1)
		if len(*codes) != 1 || (*codes)[0] != c.code {
			t.Errorf("lost %v: it left with %v", c.lost, *codes)
		}
	}
}

func TestAPanicAfterTheLoss(t *testing.T) {
	for _, lost := range []bool{false, true} {
		g, codes := exits(lost)
		func() {
			defer func() {
				if passed := recover() != nil; !lost && !passed {
					t.Error("a panic for another reason was hidden")
				}
			}()
			defer g.cover()
			panic("starting failed")
		}()
		if left := len(*codes) == 1 && (*codes)[0] == exitLost; left != lost {
			t.Errorf("lost %v: it left with %v", lost, *codes)
		}
	}
}

// A loss that follows from the engine's being asked to end is no reason of its own.
func TestTheFirstReasonCounts(t *testing.T) {
	g, codes := exits(false)
	if _, first := g.begin(false); !first {
		t.Fatal("nobody was first")
	}
	g.lose(nil)
	if g.isLost() || len(*codes) != 0 {
		t.Errorf("the loss was taken for the reason; exits %v", *codes)
	}
}
