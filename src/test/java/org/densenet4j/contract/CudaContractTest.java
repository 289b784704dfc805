package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.CudaProvider;
import org.junit.jupiter.api.Assumptions;

import java.util.Optional;

/**
 * A real GPU; skipped, with the reason, where there is none. {@code -Ddensenet4j.device} names
 * another than the first, and with {@code -Ddensenet4j.synchronous=true} the operation that fails
 * is named.
 */
class CudaContractTest extends BackendContract {
    @Override
    Device open(DeviceOptions options) {
        Optional<String> problem = new CudaProvider().problem();
        Assumptions.assumeTrue(problem.isEmpty(), () -> "no GPU: " + problem.orElseThrow());
        String name = System.getProperty("densenet4j.device", "cuda");
        return Device.open(
                name.startsWith("cuda") ? name : "cuda",
                options.withSynchronous(Boolean.getBoolean("densenet4j.synchronous")));
    }
}
