"""The door: signing in, choosing where to work, choosing the language. What stands behind it is not its business."""
