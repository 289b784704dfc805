package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.DeviceProvider;
import org.densenet4j.backend.Finding;

import java.util.List;
import java.util.Optional;

/** Offers the CPU wherever oneDNN loads. */
public final class CpuProvider implements DeviceProvider {
    /** For {@link java.util.ServiceLoader}. */
    public CpuProvider() {}

    @Override
    public String name() {
        return "cpu";
    }

    @Override
    public int preference() {
        return 0;
    }

    @Override
    public Optional<String> problem() {
        try {
            OneDnn.get();
            return Optional.empty();
        } catch (DeviceException e) {
            return Optional.of(e.getMessage());
        }
    }

    @Override
    public List<Finding> findings() {
        return problem().isPresent()
                ? List.of()
                : CpuFindings.of(Host.of(DeviceOptions.defaults()));
    }

    @Override
    public Device open(DeviceOptions options) {
        return new CpuDevice(options);
    }
}
