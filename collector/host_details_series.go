package collector

// The metrics of the machine beside CPU and memory in use.
const (
	hostCPUSeconds      = "perfwatch_host_cpu_seconds_total"
	hostLoad5           = "perfwatch_host_load5"
	hostLoad15          = "perfwatch_host_load15"
	hostPressure        = "perfwatch_host_pressure_seconds_total"
	hostDiskRead        = "perfwatch_host_disk_read_bytes_total"
	hostDiskWritten     = "perfwatch_host_disk_written_bytes_total"
	hostDiskBusy        = "perfwatch_host_disk_busy_seconds_total"
	hostNetworkReceived = "perfwatch_host_network_received_bytes_total"
	hostNetworkSent     = "perfwatch_host_network_sent_bytes_total"
	hostNetworkDropped  = "perfwatch_host_network_dropped_packets_total"
	hostNetworkErrors   = "perfwatch_host_network_errors_total"
	hostOpenFiles       = "perfwatch_host_open_files"
	hostMaxFiles        = "perfwatch_host_max_open_files"
)

func hostDetailFamilies() []Family {
	device := []string{"device"}
	return []Family{
		{hostCPUSeconds, counter, []string{"mode"},
			"CPU time of all CPUs by mode since the machine started, read each 5 s as all that follows."},
		{hostLoad5, gauge, nil, "Load average of five minutes."},
		{hostLoad15, gauge, nil, "Load average of fifteen minutes."},
		{hostPressure, counter, []string{"resource", "kind"},
			"Time in which tasks waited for cpu, memory or io: some of them, or all at once (full). " +
				"Absent where the kernel keeps no pressure stall information."},
		{hostDiskRead, counter, device, "Bytes read from a disk or partition, of the first 32 by name that were ever used."},
		{hostDiskWritten, counter, device, "Bytes written to it."},
		{hostDiskBusy, counter, device, "Time in which it had something to do."},
		{hostNetworkReceived, counter, device, "Bytes received by a network device, of the first 32 by name; veth are left out."},
		{hostNetworkSent, counter, device, "Bytes sent by it."},
		{hostNetworkDropped, counter, device, "Packets that it dropped, in either direction."},
		{hostNetworkErrors, counter, device, "Errors of it, in either direction."},
		{hostOpenFiles, gauge, nil, "Files open in all processes. Absent but on Linux."},
		{hostMaxFiles, gauge, nil, "Files that can be open at once (fs.file-max). Absent but on Linux."},
	}
}
