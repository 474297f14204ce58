"""Security analytics over the archive: detections, alerts and cases, the model made from history."""
