"""What the data file of a paper cannot say: functions ``values(full) -> {key: number}``, one module per paper."""
