package org.densenet4j.backend.cuda;

import java.util.Arrays;
import java.util.Optional;

/**
 * Codes of the driver that a user can meet, what causes each and what mends it.
 *
 * <p>Names and numbers are those of {@code CUresult} in {@code cuda.h}; causes follow NVIDIA's
 * description of each code there, and reports of those who met it.
 */
enum DriverError {
    OUT_OF_MEMORY(
            2,
            "the memory of the device or of the host is taken",
            "nvidia-smi lists the processes that hold the device's; end one, or use a smaller"
                    + " batch"),
    NOT_INITIALIZED(
            3,
            "the driver was not started, or its kernel module is not loaded",
            "nvidia-smi must work first: load the module (modprobe nvidia) or reboot"),
    DEINITIALIZED(
            4, "the driver is shutting down with the process", "call nothing while the JVM ends"),
    STUB_LIBRARY(
            34,
            "this libcuda is the stub of the CUDA toolkit, which only serves to link programs",
            "take the folder named stubs out of LD_LIBRARY_PATH; in a container without another"
                    + " libcuda: start it with --gpus all"),
    INSUFFICIENT_DRIVER(
            35,
            "the driver is older than the CUDA of this library",
            "update the driver, or use the library of an older CUDA"),
    CALL_REQUIRES_NEWER_DRIVER(
            36, "the driver is too old for this call", "update the driver to 525 or newer"),
    DEVICE_UNAVAILABLE(
            46,
            "another process holds the device in exclusive mode, or its compute mode is prohibited",
            "end that process (nvidia-smi lists it), or set the mode back with nvidia-smi -c 0"),
    NO_DEVICE(
            100,
            "the driver sees no device",
            "check nvidia-smi -L and CUDA_VISIBLE_DEVICES; in a container: start it with --gpus"
                    + " all"),
    INVALID_DEVICE(
            101,
            "there is no device of this number among the visible ones, or it is lost or in a state"
                    + " that MIG does not allow",
            "check nvidia-smi -L and CUDA_VISIBLE_DEVICES; reset or reboot when nvidia-smi misses"
                    + " it too"),
    DEVICE_NOT_LICENSED(
            102,
            "this virtual GPU has no licence",
            "ask who runs the virtual machine for a vGPU licence"),
    INVALID_IMAGE(200, "the kernels are damaged", "delete the folder kernels in the cache folder"),
    NO_BINARY_FOR_GPU(
            209,
            "the kernels were not made for this device",
            "it needs compute capability 7.5 or newer; delete the folder kernels in the cache"
                    + " folder if the device was changed"),
    ECC_UNCORRECTABLE(
            214,
            "the device's memory has an error that cannot be corrected",
            "see nvidia-smi -q -d ECC; reset the device or reboot, and replace it if this comes"
                    + " back"),
    INVALID_PTX(
            218,
            "the driver's compiler refuses the kernels",
            "update the driver; delete the folder kernels in the cache folder"),
    NVLINK_UNCORRECTABLE(
            220,
            "the link between devices has an error that cannot be corrected",
            "reset the devices or reboot"),
    JIT_COMPILER_NOT_FOUND(
            221,
            "the driver's compiler libnvidia-ptxjitcompiler is not installed beside libcuda",
            "install the driver whole; in a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
    UNSUPPORTED_PTX_VERSION(
            222,
            "the driver is too old for these kernels: a newer compiler made them",
            "update the driver; or delete the folder kernels in the cache folder and use an NVRTC"
                    + " no newer than the driver's CUDA"),
    JIT_COMPILATION_DISABLED(
            223,
            "the driver is not allowed to compile kernels",
            "unset CUDA_DISABLE_PTX_JIT and CUDA_DISABLE_JIT"),
    CONTAINED(226, "the device met a hardware error that it could contain", "start again"),
    SHARED_OBJECT_INIT_FAILED(
            303,
            "a part of the driver does not load",
            "install the driver whole; in a container:"
                    + " NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
    OPERATING_SYSTEM(
            304,
            "a call of the operating system failed: the device nodes are missing or not permitted",
            "in a container start it with --gpus all; else check ls -l /dev/nvidia* and run"
                    + " nvidia-modprobe -u -c=0"),
    ILLEGAL_ADDRESS(700, Faults.KERNEL, Faults.NAME_IT),
    LAUNCH_OUT_OF_RESOURCES(
            701, "a kernel wants more registers or threads than the device has", Faults.REPORT),
    LAUNCH_TIMEOUT(
            702,
            "a kernel took longer than the system allows where the device also drives a screen",
            "use a smaller batch, or a device without a screen"),
    ASSERT(710, Faults.KERNEL, Faults.NAME_IT),
    HARDWARE_STACK_ERROR(714, Faults.KERNEL, Faults.NAME_IT),
    ILLEGAL_INSTRUCTION(715, Faults.KERNEL, Faults.NAME_IT),
    MISALIGNED_ADDRESS(716, Faults.KERNEL, Faults.NAME_IT),
    INVALID_ADDRESS_SPACE(717, Faults.KERNEL, Faults.NAME_IT),
    INVALID_PC(718, Faults.KERNEL, Faults.NAME_IT),
    LAUNCH_FAILED(
            719,
            "a kernel failed, or the device was lost while one ran",
            "see nvidia-smi and dmesg for an Xid; when the device is well, --synchronous names the"
                    + " kernel"),
    NOT_PERMITTED(
            800,
            "the driver does not permit this to this user or container",
            "start as another user or with fewer restrictions"),
    NOT_SUPPORTED(
            801,
            "this system or device cannot do this",
            "under WSL and in virtual machines update the driver of the host"),
    SYSTEM_NOT_READY(
            802,
            "the system's daemons are not ready: the fabric manager on machines with NVSwitch",
            "systemctl start nvidia-fabricmanager (of the driver's version), then nvidia-smi -q"
                    + " must say Fabric State: Completed"),
    SYSTEM_DRIVER_MISMATCH(
            803,
            "this libcuda and the loaded kernel module have different versions",
            "reboot after an update of the driver; a compat folder in LD_LIBRARY_PATH has to go"),
    COMPAT_NOT_SUPPORTED_ON_DEVICE(
            804,
            "this libcuda is of the compatibility package, which this device does not allow",
            "take the compat folder out of LD_LIBRARY_PATH and use the driver's own"),
    MPS_CONNECTION_FAILED(805, Faults.MPS, Faults.START_MPS),
    MPS_RPC_FAILURE(806, Faults.MPS, Faults.START_MPS),
    MPS_SERVER_NOT_READY(807, Faults.MPS, Faults.START_MPS),
    MPS_MAX_CLIENTS_REACHED(808, Faults.MPS_FULL, Faults.END_MPS_CLIENTS),
    MPS_MAX_CONNECTIONS_REACHED(809, Faults.MPS_FULL, Faults.END_MPS_CLIENTS),
    MPS_CLIENT_TERMINATED(810, "the MPS server ended this process's connection", "start again"),
    UNKNOWN(
            999,
            "the driver's modules are in a bad state, as after an update or a sleep, or the device"
                    + " was lost",
            "reload the module (rmmod nvidia_uvm; modprobe nvidia_uvm) or reboot; dmesg may name"
                    + " an Xid");

    /** Texts that several codes share. */
    private static final class Faults {
        static final String KERNEL = "a kernel made an illegal access, and the context is lost";
        static final String NAME_IT =
                "run again with --synchronous, which names the kernel, and report it";
        static final String REPORT = "report it with the device's name";
        static final String MPS = "the MPS server does not answer";
        static final String START_MPS =
                "start nvidia-cuda-mps-control -d as the same user, or unset CUDA_MPS_PIPE_DIRECTORY";
        static final String MPS_FULL = "the MPS server has as many clients as it can have";
        static final String END_MPS_CLIENTS = "end one of them";
    }

    private final int code;
    private final String cause;
    private final String mend;

    DriverError(int code, String cause, String mend) {
        this.code = code;
        this.cause = cause;
        this.mend = mend;
    }

    /** The one with this number; empty for codes that say nothing to a user. */
    static Optional<DriverError> of(int code) {
        return Arrays.stream(values()).filter(e -> e.code == code).findFirst();
    }

    /** The driver's number of it. */
    int code() {
        return code;
    }

    /** The driver's name of it, such as CUDA_ERROR_NO_DEVICE. */
    String driverName() {
        return "CUDA_ERROR_" + name();
    }

    /** What has happened and what a user can do about it. */
    CauseAndMend causeAndMend() {
        return new CauseAndMend(cause, mend);
    }

    /**
     * Whether it speaks of the file that was loaded and not of the machine's devices: then another
     * driver's answer tells more.
     */
    boolean isOfTheFile() {
        return this == STUB_LIBRARY || this == COMPAT_NOT_SUPPORTED_ON_DEVICE;
    }
}
