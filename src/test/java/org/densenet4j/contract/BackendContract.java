package org.densenet4j.contract;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.junit.jupiter.api.Nested;

/**
 * The whole contract. A backend's test extends this class and says how its device is opened;
 * nothing else differs between backends.
 */
abstract class BackendContract {
    /**
     * Opens the device under test. Called once for each nested class, and where a test wants two.
     */
    abstract Device open(DeviceOptions options);

    /** See {@link ConvolutionContract#sharesRounding}. */
    boolean sharesRounding() {
        return false;
    }

    /** See {@link ConvolutionContract#roundsTransformedTiles}. */
    boolean roundsTransformedTiles() {
        return false;
    }

    /** See {@link ConvolutionContract#roundsWeightGradients}. */
    boolean roundsWeightGradients() {
        return false;
    }

    /** See {@link OpenedDevice#storage}. */
    DataType storage() {
        return DataType.FLOAT32;
    }

    @Nested
    class KernelsOfTheBackend extends KernelsContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class PoolsOfTheBackend extends PoolContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class MixersOfTheBackend extends MixerContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class L2NormsOfTheBackend extends L2NormContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class WindowsOfTheBackend extends WindowContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class ResidualsOfTheBackend extends ResidualContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class PixelLossOfTheBackend extends PixelLossContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class VectorLossOfTheBackend extends VectorLossContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class ProductsOfTheBackend extends GemmContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class ConvolutionsOfTheBackend extends ConvolutionContract {
        @Override
        boolean sharesRounding() {
            return BackendContract.this.sharesRounding();
        }

        @Override
        boolean roundsTransformedTiles() {
            return BackendContract.this.roundsTransformedTiles();
        }

        @Override
        boolean roundsWeightGradients() {
            return BackendContract.this.roundsWeightGradients();
        }

        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class PointwiseConvolutionsOfTheBackend extends PointwiseContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class AlignedPointwiseConvolutionsOfTheBackend extends PointwiseContract {
        @Override
        boolean aligned() {
            return true;
        }

        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class AppendedConvolutionsOfTheBackend extends AppendedContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }

    @Nested
    class DeviceOfTheBackend extends DeviceContract {
        @Override
        DataType storage() {
            return BackendContract.this.storage();
        }

        @Override
        Device open(DeviceOptions options) {
            return BackendContract.this.open(options);
        }
    }
}
