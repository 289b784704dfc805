package org.densenet4j.contract;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.junit.jupiter.api.Nested;

/** The fused kernels of dense layers on float32 rounded to TF32, emulated on the host. */
class EmulatedCudaTensorFloat32ContractTest {
    /** Two operands rounded to ten bits behind the point. */
    private static final double TOLERANCE = 1e-5 + 0x1p-10 + 0x1p-22;

    @Nested
    class PointwiseConvolutions extends PointwiseContract {
        @Override
        boolean aligned() {
            return true;
        }

        @Override
        double tolerance() {
            return TOLERANCE;
        }

        @Override
        Device open(DeviceOptions options) {
            return new EmulatedDevice(options.withTensorFloat32(true));
        }
    }

    @Nested
    class AppendedConvolutions extends AppendedContract {
        @Override
        double tolerance() {
            return TOLERANCE;
        }

        @Override
        Device open(DeviceOptions options) {
            return new EmulatedDevice(options.withTensorFloat32(true));
        }
    }
}
