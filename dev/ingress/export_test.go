package ingress

// Render and Run are the steps of Start, for tests that change the configuration in between.
var (
	Render = Config.render
	Run    = Config.run
)
