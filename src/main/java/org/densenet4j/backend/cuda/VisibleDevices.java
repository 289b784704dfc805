package org.densenet4j.backend.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What decides which devices the driver shows to this process: variables of the environment and
 * device nodes.
 *
 * @param environment environment variables
 * @param root the root of the file system; another one in tests
 * @param windows whether there are no nodes to look at
 */
record VisibleDevices(Map<String, String> environment, Path root, boolean windows) {
    private static final String VISIBLE = "CUDA_VISIBLE_DEVICES";

    /** The control nodes of a Linux driver and of WSL's; either will do. */
    private static final List<String> NODES = List.of("dev/nvidiactl", "dev/dxg");

    /** Those of this process. */
    static VisibleDevices ofThisProcess() {
        return new VisibleDevices(
                System.getenv(), Path.of("").toAbsolutePath().getRoot(), CudaPlatform.WINDOWS);
    }

    /** Why no device is visible. */
    CauseAndMend whyNone() {
        String visible = environment.get(VISIBLE);
        if (visible != null && visible.isBlank()) {
            return new CauseAndMend(VISIBLE + " is empty, which hides every device", "unset it");
        }
        if (visible != null && visible.strip().startsWith("-")) {
            return new CauseAndMend(VISIBLE + "=" + visible + " hides every device", "unset it");
        }
        Optional<CauseAndMend> nodes = nodes();
        if (nodes.isPresent()) {
            return nodes.get();
        }
        if (visible != null) {
            return new CauseAndMend(
                    VISIBLE + "=" + visible + " names no device of this machine",
                    "nvidia-smi -L lists their numbers and names (GPU-..., MIG-...); or unset it");
        }
        return new CauseAndMend(
                "the driver sees no device",
                "nvidia-smi -L must list one, and where MIG is on an instance must exist"
                        + " (nvidia-smi mig -lgi)");
    }

    /** What is wrong with the device nodes; empty where nothing is. */
    Optional<CauseAndMend> nodes() {
        if (windows) {
            return Optional.empty();
        }
        List<Path> present = NODES.stream().map(root::resolve).filter(Files::exists).toList();
        if (present.isEmpty()) {
            return Optional.of(noNodes());
        }
        Path node = present.getFirst();
        if (!Files.isReadable(node) || !Files.isWritable(node)) {
            return Optional.of(
                    new CauseAndMend(
                            "this user may not open /" + root.relativize(node),
                            "join the group that owns it (ls -l /dev/nvidia*)"));
        }
        if (!node.endsWith("dxg") && !Files.exists(root.resolve("dev/nvidia-uvm"))) {
            return Optional.of(
                    new CauseAndMend(
                            "there is no device node /dev/nvidia-uvm",
                            "run nvidia-modprobe -u -c=0 as root; in a container: start it with"
                                    + " --gpus all"));
        }
        return Optional.empty();
    }

    private CauseAndMend noNodes() {
        String container = environment.getOrDefault("NVIDIA_VISIBLE_DEVICES", "");
        if (container.equals("void") || container.equals("none")) {
            return new CauseAndMend(
                    "the container was started with NVIDIA_VISIBLE_DEVICES="
                            + container
                            + ", which gives it no device",
                    "start it with --gpus all");
        }
        return new CauseAndMend(
                "there is no device node /dev/nvidiactl",
                "in a container: start it with --gpus all; else load the kernel module (modprobe"
                        + " nvidia)");
    }

    /** How devices are counted, for a message about a number that there is not. */
    String counted() {
        String visible = environment.get(VISIBLE);
        return visible == null
                ? "counted from 0"
                : "counted from 0 among those of " + VISIBLE + "=" + visible;
    }
}
