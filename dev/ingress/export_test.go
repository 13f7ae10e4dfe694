package ingress

// The parts of Start, for tests that change the configuration in between.
var (
	Render = Config.render
	Run    = Config.run
)
