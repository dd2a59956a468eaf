"""Task groups of an FPGA design: which tasks share the device, how wide each is, how deep its FIFOs are."""
