"""Whether food stayed cold enough: policy, sensor faults, minutes, judgement. Pure; gateway and export share it."""
