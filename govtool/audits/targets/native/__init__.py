"""Models that compiled libraries read: ONNX, XGBoost, LightGBM. Opened in a process of their own, see `box`."""
