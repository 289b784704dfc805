package org.densenet4j.backend.cuda;

/** Runs kernels of {@code cuda-kernels/} by name: on a GPU, or emulated in tests. */
interface KernelLauncher {
    /**
     * Queues a kernel behind everything queued before.
     *
     * @param kernel its name in the source
     * @param traffic what it reads and writes, for a trace
     * @param arguments in the kernel's order: {@code Long} for a device address, {@code Integer},
     *     {@code Float}, {@link SmallOperationList}
     * @throws org.densenet4j.backend.DeviceException when the launch fails, with the kernel's name
     *     and geometry
     */
    void launch(String kernel, Grid grid, Traffic traffic, Object... arguments);
}
