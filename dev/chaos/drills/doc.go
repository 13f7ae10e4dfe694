// Package drills exercises KOS's troubles, one at a time, on the real system
// under a steady load: regulars, who ask again and again for bills that were
// seen before, and newcomers, who ask for what nobody has asked for yet. It
// reports, as a picture too, what they got in each second, and says what of it
// must not have been.
package drills
