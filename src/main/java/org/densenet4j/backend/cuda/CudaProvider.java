package org.densenet4j.backend.cuda;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceProvider;
import org.densenet4j.backend.Finding;

import java.util.List;
import java.util.Optional;

/** Offers NVIDIA GPUs. Looks for libraries when asked, and loads them when a device is opened. */
public final class CudaProvider implements DeviceProvider {
    private CudaLibraries libraries;

    /** For {@link java.util.ServiceLoader}. */
    public CudaProvider() {}

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public int preference() {
        return 10;
    }

    @Override
    public Optional<String> problem() {
        return JCudaClasses.problem().or(() -> libraries().problem());
    }

    @Override
    public List<Finding> findings() {
        return JCudaClasses.problem().isPresent() ? List.of() : CudaFindings.of(libraries());
    }

    @Override
    public Device open(DeviceOptions options) {
        return new CudaDevice(libraries(), options);
    }

    private CudaLibraries libraries() {
        if (libraries == null) {
            libraries = CudaLibraries.find();
        }
        return libraries;
    }
}
