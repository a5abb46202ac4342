"""The demo's living Monday: simulated callers and colleagues on the same switchboard, marked as simulated.

They use the live protocol like any browser (`connectors/webrtc`). `habits` decides what people do and knows no clock;
`cast` reads who there is; `callers` and `colleagues` live it; `past` is the day before the visitor came.
See docs/explanation/demo.md.
"""
