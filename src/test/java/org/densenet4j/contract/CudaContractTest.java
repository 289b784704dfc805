package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.CudaProvider;
import org.junit.jupiter.api.Assumptions;

import java.util.Optional;

/** A real GPU; skipped, with the reason, where there is none. */
class CudaContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        Optional<String> problem = new CudaProvider().problem();
        Assumptions.assumeTrue(problem.isEmpty(), () -> "no GPU: " + problem.orElseThrow());
        return Device.open("cuda", options);
    }
}
