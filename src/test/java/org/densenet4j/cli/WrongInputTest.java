package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** Whatever a user can get wrong costs one clear line and exit code 2. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WrongInputTest {
    @TempDir private static Path shared;

    private Path data;

    @BeforeAll
    void writeImages() throws IOException {
        data = TinyRun.data(shared);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "frobnicate | frobnicate",
                "train --frobnicate | --frobnicate",
                "train --epochs | --epochs",
                "train --epochs 0 | epochs = 0: use 1 or more",
                "train --epochs many | 'many' is not an int",
                "train --glyphs 3 | 5 to 1000000",
                "train --data nowhere | no data source 'nowhere'",
                "train --seed x | --seed",
                "plan --batch 0 | batch = 0: use 1 to",
                "plan --batch -5 | batch = -5",
                "plan --batch 2000000000 | batch = 2000000000",
                "plan --memory-budget much | 'much' is not a size of memory",
                "plan --memory-budget -3 | '-3' is not a size of memory",
                "plan --device tpu | no device named 'tpu'; this build has best, cuda, cpu",
                "plan --precision fp8 | no precision 'fp8'; use fp32 or bf16 (bfloat16 storage)",
                "train --precision half | no precision 'half'; use fp32 or bf16",
                "plan --threads -1 | threads = -1: use 1 to 1024",
                "plan --classes 0 | classes = 0",
                "plan --input-size 2 | too small",
                "plan --dropout 1 | dropout = 1.0",
                "plan --compression 0 | compression = 0.0",
                "plan --compression 1.5 | compression = 1.5",
                "plan --model densenet122 | no model named 'densenet122'; use bc-DEPTH-K (bc-100-12),"
                        + " plain-DEPTH-K, b-DEPTH-K, c-DEPTH-K, densenet121/169/201/161/264/232,"
                        + " densenetblur121d, densenet264d, fc-densenet56/67/103,"
                        + " fc-densenet-LEVELS-LAYERS-K, resnet18/34/50/101/152, cifar-resnet-DEPTH, cifar-preresnet-DEPTH",
                "plan --model resnet51 | no model named 'resnet51'; use bc-DEPTH-K",
                "plan --model cifar-resnet-21 | the nearest are 20 and 26",
                "plan --model fc-densenet56 --input-size 31 | inputSize = 31x31 is too small",
                "plan --model resnet50 --dropout 0.2 | resnet50 has no --dropout, which is for"
                        + " DenseNets and FC-DenseNets; leave it out",
                "summary --model cifar-resnet-20 --compression 0.5 | cifar-resnet-20 has no"
                        + " --compression, which is for DenseNets; leave it out",
                "plan --model fc-densenet67 --compression 0.5 | fc-densenet67 has no --compression",
                "plan --input-size 12.5 | '12.5' is no size of images, such as 224 or 360x480",
                "plan --input-size -8 | '-8' is no size of images",
                "plan --input-size 32x0 | inputSize = 0",
                "plan --model bc-100 | no model named 'bc-100'",
                "plan --model bc-99-12 | depth 99 does not fit DenseNet bc, whose depth is 6n + 4;"
                        + " the nearest are 94 and 100",
                "plan --model plain-41-12 | the nearest are 40 and 43",
                "plan --model bc-1000000-12 | use at most 4096",
                "plan --model bc-100-0 | growthRate = 0",
                "summary --model bc-1-12 | depth 1 does not fit",
                "parity | CASE",
                "parity nowhere.safetensors | nowhere.safetensors: no such file",
                "parity pom.xml | not a safetensors file",
                "parity pom.xml --strategy FAST | NAIVE, SHARED, RECOMPUTE",
                "measure --steps 0 | steps = 0",
                "measure --inference --trace | --trace is of training steps",
                "compare --trace | '--trace'",
                "measure --point bc-10-4 | 'bc-10-4' is not MODEL:BATCH",
                "bench --point bc-100-12 | 'bc-100-12' is not MODEL:BATCH, such as bc-100-12:64",
                "bench --point bc-100-12:0 | 'bc-100-12:0' is not MODEL:BATCH",
                "bench --point bc-100-12:many | 'bc-100-12:many' is not MODEL:BATCH",
                "bench --point densenet122:4 | no model named 'densenet122'",
                "bench --point fc-densenet56:1:360x480x3 | or MODEL:BATCH:SIZE, such as"
                        + " fc-densenet103:1:360x480",
                "compare --beside resnet50 | it takes images of size 224, bc-100-12 of 32; give all of"
                        + " them one --input-size",
                "compare --beside resnet51 | no model named 'resnet51'",
                "compare --sweep size --input-size 16x24 | over the side of square images, not"
                        + " 16x24",
                "compare --sweep depth --model resnet50 | such as bc-100-12 or cifar-resnet-56, not"
                        + " resnet50",
                "bench --point bc-99-12:4 | the nearest are 94 and 100",
                "bench --steps 1 | steps = 1: use 2 or more",
                "bench --rounds 0 | rounds = 0: use 1 or more",
                "bench --precision fp8 | no precision 'fp8'; use fp32 or bf16",
                "bench --sweep width | DEPTH, BATCH, SIZE",
                "bench --threads -1 --point bc-10-4:1 | threads = -1: use 1 to 1024",
                "bench --json nowhere/bench.json | make it first",
                "bench --json src | is a folder; name a file in it"
            })
    void aWrongOptionIsNamed(String command, String words) {
        Captured.run(command.split(" ", -1)).mustRefuse(words);
    }

    /** A shell's variable that was not set. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "predict --weights w.safetensors EMPTY | '' names no file or folder",
                "predict --weights= src | --weights",
                "embed --weights w --out= src | --out",
                "heatmap --weights w --out= src | --out",
                "export --weights w --format onnx --out= | --out",
                "predict --weights w --classes-file= src | --classes-file",
                "train --data folder: | --data folder: names no folder; the current one is folder:.",
                "train --data cifar10: | --data cifar10: names no folder",
                "train --data cifar100: | --data cifar100: names no folder",
                "train --out= | --out",
                "train --resume= | --resume",
                "train --weights= | --weights",
                "train --config= | --config",
                "parity EMPTY | '' names no file or folder",
                "feature-reuse --checkpoint= | --checkpoint",
                "bench --json= | --json '' names no file"
            })
    void anEmptyNameIsNotTheCurrentFolder(String command, String words) {
        List<String> arguments = new ArrayList<>();
        for (String argument : command.split(" ", -1)) {
            arguments.add(argument.equals("EMPTY") ? "" : argument);
        }
        Captured.run(arguments).mustRefuse("names no", words);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "--lr=-1 | learning rate = -1.0",
                "--lr=NaN | learning rate = NaN",
                "--momentum=2 | momentum = 2.0",
                "--weight-decay=-1 | weight decay = -1.0",
                "--label-smoothing=1 | label smoothing = 1.0",
                "--clip=-1 | gradient norm = -1.0",
                "--accumulate=0 | accumulate = 0",
                "--no-augment --augment=cifar | --no-augment and --augment cifar contradict",
                "--augment=shift --no-augment | --no-augment and --augment shift contradict",
                "--no-augment --colour-jitter=0.9 | --no-augment and --colour-jitter 0.9 contradict",
                "--milestones=1,2 | --milestones is for --schedule step; the schedule is cosine",
                "--power=2 | --power is for --schedule polynomial; the schedule is cosine",
                "--schedule=onecycle --warm-up=1 | --warm-up is for other schedules",
                "--plateau-patience=2 | --plateau-patience is for --schedule plateau",
                "--schedule=step --min-lr=0 | --min-lr is for --schedule cosine or plateau",
                "--min-lr=1 | min-lr = 1.0: use 0 to the learning rate",
                "--betas=0.9,0.99 | --betas is for --optimiser adam or adamw; the optimiser is sgd",
                "--optimiser=adam --betas=0.9 | --betas 0.9: use two numbers, such as 0.9,0.999",
                "--optimiser=adam --betas=0.9,1 | beta2 = 1.0: use a number from 0 to below 1",
                "--optimiser=adam --momentum=0.9 | --momentum is for --optimiser sgd",
                "--dampening=0.5 | dampening = 0.5: Nesterov has none; switch it off or use 0",
                "--ema=1 | ema = 1.0: use a number below 1, or 0 for no average",
                "--ema-warm-up | --ema-warm-up is for --ema; no average is kept",
                "--group-lasso=-1 | group-lasso = -1.0: use a positive number, or 0 for none",
                "--group-lasso=0.1 | has no learned groups; use 0",
                "--layer-decay=0 | layer-decay = 0.0: use a number above 0 and up to 1",
                "--param-groups=classifier | param-groups = classifier: use PATTERN: SETTING",
                "--param-groups=head.*:frozen | param-groups = head.*: matches no parameter",
                "--freeze=features.conv1 | freeze = features.conv1: no parameter of the network is",
                "--schedule=constant --lr-factor=0.5 | --lr-factor is for --schedule step",
                "--glyphs=100 | --glyphs is for --data glyphs, not for cifar10:",
                "--schedule=LINEAR | COSINE, STEP, EXPONENTIAL, CONSTANT",
                "--strategy=FAST | NAIVE, SHARED, RECOMPUTE",
                "--classes=3 | --classes 3 does not fit the data, which has 10",
                "--input-size=64 | --input-size 64 does not fit the data",
                "--config=/dev/zero | /dev/zero: is too large",
                "--config=src | src: is a folder",
                "--resume=nowhere.safetensors | nowhere.safetensors: no such file",
                "--resume=pom.xml | pom.xml"
            })
    void aWrongTrainingOptionIsNamedBeforeAnythingIsWritten(
            String option, String words, @TempDir Path temporary) {
        Path out = temporary.resolve("run");
        Captured.run(TinyRun.train(data, out, 1, option.split(" "))).mustRefuse(words);
        assertFalse(Files.exists(out));
    }

    @Test
    void theFirstLineTellsColourJitterAndWhatIsNoContradictionRuns(@TempDir Path temporary) {
        Captured jitter =
                Captured.run(
                        TinyRun.train(
                                data,
                                temporary.resolve("jitter"),
                                1,
                                "--augment=none",
                                "--colour-jitter=0.9"));
        assertEquals(0, jitter.code(), jitter.err());
        assertTrue(
                jitter.out().contains("augmentation none with colour jitter 0.9, "), jitter.out());
        Captured none =
                Captured.run(
                        TinyRun.train(
                                data,
                                temporary.resolve("none"),
                                1,
                                "--recipe=imagenet",
                                "--no-augment",
                                "--augment=none",
                                "--milestones=50%"));
        assertEquals(0, none.code(), none.err());
        assertTrue(none.out().contains("augmentation none, "), none.out());
    }

    @Test
    void aBatchOverTheBudgetIsRefusedWithNumbersAndAlternatives(@TempDir Path temporary) {
        Path out = temporary.resolve("run");
        List<String> train = TinyRun.train(data, out, 1, "--strategy=NAIVE");
        Captured.run(with(train, "--batch", "1000", "--memory-budget", "60MB"))
                .mustRefuse(
                        "batch 1000 with NAIVE needs",
                        "the budget is 60.0 MB",
                        "the largest batch that fits with NAIVE is");
        Captured.run(with(train, "--batch", "1000", "--memory-budget", "1kB"))
                .mustRefuse("no batch fits with NAIVE");
        assertFalse(Files.exists(out));
    }

    /** Later options of the same name replace earlier ones. */
    private static List<String> with(List<String> arguments, String... options) {
        List<String> all = new ArrayList<>(arguments);
        for (int i = 0; i < options.length; i += 2) {
            int at = all.indexOf(options[i]);
            if (at >= 0) {
                all.set(at + 1, options[i + 1]);
            } else {
                all.addAll(List.of(options[i], options[i + 1]));
            }
        }
        return all;
    }

    // ---------------------------------------------------------------- data files

    @Test
    void aMissingFolderOrFileIsNamed(@TempDir Path temporary) throws IOException {
        Path out = temporary.resolve("run");
        Captured.run(TinyRun.train(temporary.resolve("none"), out, 1))
                .mustRefuse("none: no such folder");
        Path broken = TinyRun.data(temporary);
        Files.delete(broken.resolve("data_batch_3.bin"));
        Captured.run(TinyRun.train(broken, out, 1)).mustRefuse("data_batch_3.bin: no such file");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3072, 3074, 8 * 3073 - 1, 8 * 3073 + 1})
    void aTruncatedFileIsNamedWithItsSize(int bytes, @TempDir Path temporary) throws IOException {
        Path broken = TinyRun.data(temporary);
        resize(broken.resolve("data_batch_2.bin"), bytes);
        Captured.run(TinyRun.train(broken, temporary.resolve("run"), 1))
                .mustRefuse("data_batch_2.bin: has " + bytes + " bytes", "3073");
    }

    @Test
    void anOversizedFileIsNotRead(@TempDir Path temporary) throws IOException {
        Path broken = TinyRun.data(temporary);
        resize(broken.resolve("test_batch.bin"), 400_000L * 3073); // sparse: takes no space
        Captured.run(TinyRun.train(broken, temporary.resolve("run"), 1))
                .mustRefuse("test_batch.bin: has 1229200000 bytes, far more than CIFAR10 has");
    }

    @Test
    void aLabelOutOfRangeIsNamedWithItsRecord(@TempDir Path temporary) throws IOException {
        Path broken = TinyRun.data(temporary);
        try (RandomAccessFile file =
                new RandomAccessFile(broken.resolve("data_batch_1.bin").toFile(), "rw")) {
            file.seek(2 * 3073);
            file.write(10);
        }
        Captured.run(TinyRun.train(broken, temporary.resolve("run"), 1))
                .mustRefuse("data_batch_1.bin: record 2 has label 10");
    }

    private static void resize(Path file, long bytes) throws IOException {
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            f.setLength(bytes);
        }
    }

    // ---------------------------------------------------------------- run folders

    @Test
    void anOutputFolderThatCannotBeMadeIsRefusedBeforeTraining(@TempDir Path temporary)
            throws IOException {
        Path file = Files.createFile(temporary.resolve("file"));
        for (Path out : List.of(file, file.resolve("run"))) {
            Captured run = Captured.run(TinyRun.train(data, out, 1));
            assertEquals(2, run.code());
            assertEquals(1, run.err().lines().count(), run.err());
            assertTrue(
                    run.err().startsWith("error: cannot write to the run folder " + out),
                    run.err());
        }
    }

    @Test
    void anOutputFolderThatTakesNoFilesIsRefusedBeforeTraining() {
        Path out = Path.of("/proc/self");
        assumeTrue(Files.isDirectory(out), "no /proc: not Linux");
        Captured run = Captured.run(TinyRun.train(data, out, 1));
        assertEquals(2, run.code());
        assertTrue(run.err().contains("cannot write to the run folder /proc/self"), run.err());
        assertFalse(run.out().contains("epoch"), run.out());
    }

    @Test
    void anEarlierRunIsNotOverwritten(@TempDir Path temporary) throws IOException {
        Path out = temporary.resolve("run");
        assertEquals(0, Captured.run(TinyRun.train(data, out, 1)).code());
        byte[] checkpoint = Files.readAllBytes(out.resolve("checkpoint.safetensors"));
        Captured again = Captured.run(TinyRun.train(data, out, 1));
        assertEquals(2, again.code());
        assertTrue(again.err().contains("--resume"), again.err());
        assertEquals(checkpoint.length, Files.size(out.resolve("checkpoint.safetensors")));
    }

    @Test
    void aTruncatedCheckpointIsRefused(@TempDir Path temporary) throws IOException {
        Path out = temporary.resolve("run");
        assertEquals(0, Captured.run(TinyRun.train(data, out, 1)).code());
        Path checkpoint = out.resolve("checkpoint.safetensors");
        try (FileChannel channel = FileChannel.open(checkpoint, StandardOpenOption.WRITE)) {
            channel.truncate(channel.size() - 7);
        }
        Captured.run(TinyRun.train(data, out, 2, "--resume=" + checkpoint))
                .mustRefuse("checkpoint.safetensors");
    }

    @Test
    void aFinishedRunAsksForMoreEpochs(@TempDir Path temporary) {
        Path out = temporary.resolve("run");
        assertEquals(0, Captured.run(TinyRun.train(data, out, 1)).code());
        Captured run =
                Captured.run(
                        TinyRun.train(
                                data, out, 1, "--resume=" + out.resolve("checkpoint.safetensors")));
        assertEquals(2, run.code());
        assertTrue(run.err().contains("give --epochs a larger number"), run.err());
    }
}
