package tokens

// cost holds what a run costs, in 1/64 of a token, by kind and length. Fitted
// once to cl100k_base; docs/design/tokens.md says on which text, how, and how
// far off it is. The entry after maxRun is the price of each byte beyond it.
// kindRune is indexed by script instead of length.
var cost = [kinds][maxRun + 2]uint16{
	kindWord:       {64, 64, 64, 64, 64, 64, 64, 64, 64, 106, 148, 201, 244, 280, 309, 322, 339, 351, 364, 382, 408, 441, 485, 542, 616, 84},
	kindBare:       {64, 72, 70, 79, 74, 107, 71, 64, 82, 125, 137, 159, 170, 187, 196, 208, 218, 229, 238, 247, 256, 266, 277, 289, 302, 13},
	kindSub:        {64, 64, 120, 100, 68, 49, 46, 43, 56, 84, 109, 121, 133, 147, 158, 169, 181, 193, 204, 216, 227, 239, 250, 260, 270, 10},
	kindFragment:   {64, 0, 95, 218, 266, 265, 241, 206, 178, 173, 167, 171, 176, 181, 185, 192, 199, 208, 217, 226, 236, 245, 255, 266, 275, 10},
	kindCapitals:   {64, 110, 91, 80, 85, 89, 112, 134, 168, 200, 230, 262, 293, 320, 346, 372, 397, 420, 442, 463, 482, 500, 515, 527, 535, 5},
	kindDigits:     {0, 64, 64, 64, 128, 128, 128, 192, 192, 192, 256, 256, 256, 320, 320, 320, 384, 384, 384, 448, 448, 448, 512, 512, 512, 21},
	kindSign:       {64, 82, 90, 64, 79, 86, 90, 94, 100, 108, 116, 126, 136, 146, 158, 170, 181, 194, 206, 218, 230, 243, 255, 267, 279, 13},
	kindSignLetter: {64, 1, 64, 64, 64, 76, 84, 94, 102, 112, 122, 130, 139, 149, 159, 170, 180, 191, 202, 212, 223, 232, 241, 249, 256, 6},
	kindRule:       {64, 64, 46, 27, 34, 41, 46, 51, 54, 57, 60, 62, 64, 67, 69, 72, 76, 81, 87, 94, 102, 113, 128, 146, 171, 32},
	kindSpaces:     {64, 64, 64, 78, 80, 79, 92, 98, 99, 106, 111, 112, 114, 117, 117, 115, 114, 114, 110, 107, 106, 106, 105, 106, 107, 0},
	kindLines:      {64, 5, 18, 54, 78, 45, 66, 90, 75, 57, 49, 34, 23, 9, 24, 37, 42, 44, 53, 59, 65, 69, 76, 84, 92, 6},
	kindRune:       {62, 67, 29, 70, 55, 78, 62, 65, 66, 72, 71, 64, 65, 64},
}

// costOf returns the cost of a run of n bytes, n > 0 (of one rune of script n
// for kindRune).
func costOf(kind, n int) int {
	if n <= maxRun {
		return int(cost[kind][n])
	}
	return int(cost[kind][maxRun]) + (n-maxRun)*int(cost[kind][maxRun+1])
}
