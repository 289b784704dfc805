package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.io.ParityCase;
import org.densenet4j.plan.MemoryStrategy;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Small networks of other kinds than torchvision's DenseNets, as PyTorch computed them in double
 * precision, under every strategy and on both backends.
 */
class NetworkParityTest {
    private static final Path FOLDER = Path.of("src/test/resources/golden/networks");

    /** All groups of a case, of which FC-DenseNet's have another optimiser's steps beside. */
    private static final Set<String> GROUPS =
            Set.of(
                    "eval.logits",
                    "train.logits",
                    "train.loss",
                    "train.grad.input",
                    "train.grad",
                    "train.running",
                    "sgd1",
                    "sgd3",
                    "sgd.losses");

    private static void check(String name, Device device) throws IOException {
        try (ParityCase parity = ParityCase.open(FOLDER.resolve(name + "-small.safetensors"))) {
            ParityCheck check = ParityCheck.of(parity);
            Set<String> wanted = new HashSet<>(GROUPS);
            if (name.equals("rdnet")) { // layer normalisation keeps no statistics
                wanted.remove("train.running");
            }
            for (MemoryStrategy strategy : MemoryStrategy.values()) {
                List<ParityCheck.Group> groups = check.run(device, strategy);
                assertEquals(
                        wanted,
                        groups.stream().map(ParityCheck.Group::group).collect(Collectors.toSet()));
                for (ParityCheck.Group group : groups) {
                    assertTrue(group.within(), strategy + ": " + group);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "fc-densenet",
                "cifar-resnet",
                "resnet-basic",
                "resnet-bottleneck",
                "cifar-preresnet",
                "cifar-preresnet-bottleneck",
                "densenetd",
                "densenetblurd",
                "condensenet",
                "msdnet",
                "msdnet-imagenet",
                "rdnet"
            })
    void everyRecordedNumberAgreesOnBothBackends(String name) throws IOException {
        DeviceOptions direct = new DeviceOptions(2, false, true).withWinograd(false);
        try (Device device = Device.open("cpu", direct)) {
            check(name, device);
        }
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            check(name, device);
        }
    }
}
