package org.densenet4j.cli;

import org.densenet4j.data.CocoFile;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.JoinedDetectionDataset;
import org.densenet4j.data.RelabelledDetectionDataset;
import org.densenet4j.data.VocFolder;
import org.densenet4j.io.OneLine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The sets of images with boxes that a folder holds, by name. */
sealed interface BoxedSets {
    /** Names of the sets that are trained on where the user names none. */
    List<String> training() throws IOException;

    /** Names of the sets that are held out where the user names none. */
    List<String> heldOut() throws IOException;

    /** Names of the classes of some sets. */
    List<String> classNames(List<String> sets) throws IOException;

    /**
     * Opens some sets, one behind the other.
     *
     * @param classNames which labels index
     */
    DetectionDataset open(List<String> sets, List<String> classNames, DecodeOptions decoding)
            throws IOException;

    /** Names in a folder of what fits, in the order of the alphabet. */
    private static List<String> names(Path folder, Predicate<Path> fits) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(fits).map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    private static void requireFolder(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IOException(folder + ": no such folder");
        }
    }

    private static IOException noSets(Path folder, String what, List<String> there) {
        return new IOException(
                folder
                        + ": has no "
                        + what
                        + "; name sets with --train-sets and --val-sets, of "
                        + OneLine.listed(there));
    }

    /**
     * A folder as PASCAL VOC has them, or one of several such as {@code VOCdevkit}.
     *
     * @param root of {@code ImageSets/Main} or of folders with that
     */
    record Voc(Path root) implements BoxedSets {
        private static final String LIST = ".txt";

        private static Path lists(Path folder) {
            return folder.resolve("ImageSets").resolve("Main");
        }

        /** With a slash behind each; empty for the root itself. */
        private List<String> folders() throws IOException {
            requireFolder(root);
            if (Files.isDirectory(lists(root))) {
                return List.of("");
            }
            List<String> folders =
                    names(root, f -> Files.isDirectory(lists(f))).stream()
                            .map(name -> name + "/")
                            .toList();
            if (folders.isEmpty()) {
                throw new IOException(
                        root
                                + ": has no ImageSets/Main, nor folders that have it; voc:DIR is a"
                                + " folder such as VOCdevkit/VOC2007, or VOCdevkit itself");
            }
            return folders;
        }

        /** Lists of single classes have an underscore in their names. */
        private List<String> all() throws IOException {
            List<String> all = new ArrayList<>();
            for (String folder : folders()) {
                names(lists(root.resolve(folder)), f -> f.toString().endsWith(LIST)).stream()
                        .map(f -> f.substring(0, f.length() - LIST.length()))
                        .filter(name -> !name.contains("_"))
                        .forEach(name -> all.add(folder + name));
            }
            return all;
        }

        private List<String> named(String set) throws IOException {
            List<String> found = new ArrayList<>();
            for (String name : all()) {
                if (name.equals(set) || name.endsWith("/" + set)) {
                    found.add(name);
                }
            }
            return found;
        }

        /** VOC2012's test has a list and no annotations. */
        private List<String> tests() throws IOException {
            List<String> found = new ArrayList<>();
            for (String name : named("test")) {
                List<String> ids = Files.readAllLines(list(name));
                if (!ids.isEmpty()
                        && Files.exists(
                                folder(name)
                                        .resolve("Annotations")
                                        .resolve(ids.getFirst().strip() + ".xml"))) {
                    found.add(name);
                }
            }
            return found;
        }

        @Override
        public List<String> training() throws IOException {
            List<String> both = named("trainval");
            List<String> train = tests().isEmpty() || both.isEmpty() ? named("train") : both;
            if (train.isEmpty()) {
                throw noSets(root, "train.txt in ImageSets/Main", all());
            }
            return train;
        }

        @Override
        public List<String> heldOut() throws IOException {
            List<String> tests = tests();
            List<String> held = tests.isEmpty() ? named("val") : tests;
            if (held.isEmpty()) {
                throw noSets(root, "test.txt or val.txt in ImageSets/Main", all());
            }
            return held;
        }

        private Path folder(String name) {
            int slash = name.lastIndexOf('/');
            return slash < 0 ? root : root.resolve(name.substring(0, slash));
        }

        private static String set(String name) {
            return name.substring(name.lastIndexOf('/') + 1);
        }

        private Path list(String name) {
            return lists(folder(name)).resolve(set(name) + LIST);
        }

        private void check(List<String> sets) throws IOException {
            requireFolder(root);
            for (String name : sets) {
                if (!Files.isRegularFile(list(name))) {
                    throw new IOException(
                            list(name) + ": no such file; the sets are " + OneLine.listed(all()));
                }
            }
        }

        @Override
        public List<String> classNames(List<String> sets) throws IOException {
            check(sets);
            TreeSet<String> names = new TreeSet<>();
            for (String name : sets) {
                names.addAll(VocFolder.classNames(folder(name), set(name)));
            }
            if (names.isEmpty()) {
                throw new IOException(root + ": no image of " + sets + " has an object");
            }
            return List.copyOf(names);
        }

        @Override
        public DetectionDataset open(
                List<String> sets, List<String> classNames, DecodeOptions decoding)
                throws IOException {
            check(sets);
            List<DetectionDataset> parts = new ArrayList<>();
            for (String name : sets) {
                parts.add(VocFolder.open(folder(name), set(name), classNames).decoding(decoding));
            }
            return JoinedDetectionDataset.of(parts);
        }
    }

    /**
     * A folder as COCO has it: {@code annotations/instances_SET.json} and images in {@code SET} or
     * {@code images/SET}; or {@code SET/_annotations.coco.json} beside images, as tools export it.
     */
    record Coco(Path root) implements BoxedSets {
        private static final String BEFORE = "instances_";
        private static final String AFTER = ".json";
        private static final String BESIDE = "_annotations.coco.json";

        private List<String> all() throws IOException {
            requireFolder(root);
            List<String> sets =
                    new ArrayList<>(
                            names(
                                            root.resolve("annotations"),
                                            f ->
                                                    f.getFileName()
                                                            .toString()
                                                            .matches(BEFORE + ".+\\.json"))
                                    .stream()
                                    .map(
                                            f ->
                                                    f.substring(
                                                            BEFORE.length(),
                                                            f.length() - AFTER.length()))
                                    .toList());
            sets.addAll(names(root, f -> Files.isRegularFile(f.resolve(BESIDE))));
            if (sets.isEmpty()) {
                throw new IOException(
                        root
                                + ": has no annotations/instances_SET.json, nor folders with "
                                + BESIDE);
            }
            return sets;
        }

        /** The only set whose name begins so. */
        private Optional<String> only(String start) throws IOException {
            List<String> found = all().stream().filter(name -> name.startsWith(start)).toList();
            if (found.size() > 1) {
                throw new IOException(
                        root
                                + ": has several sets, "
                                + OneLine.listed(found)
                                + "; choose with --train-sets and --val-sets");
            }
            return found.stream().findFirst();
        }

        @Override
        public List<String> training() throws IOException {
            List<String> all = all();
            return List.of(only("train").orElseThrow(() -> noSets(root, "set to train on", all)));
        }

        @Override
        public List<String> heldOut() throws IOException {
            Optional<String> val = only("val");
            Optional<String> held = val.isPresent() ? val : only("test");
            List<String> all = all();
            return List.of(held.orElseThrow(() -> noSets(root, "set to test on", all)));
        }

        private Path annotations(String set) throws IOException {
            Path file = root.resolve("annotations").resolve(BEFORE + set + AFTER);
            if (Files.isRegularFile(file)) {
                return file;
            }
            Path beside = root.resolve(set).resolve(BESIDE);
            if (Files.isRegularFile(beside)) {
                return beside;
            }
            throw new IOException(file + ": no such file; the sets are " + OneLine.listed(all()));
        }

        private CocoFile file(String set) throws IOException {
            Path file = annotations(set);
            Path images = root.resolve(set);
            if (!Files.isDirectory(images)) {
                images = root.resolve("images").resolve(set);
            }
            if (!Files.isDirectory(images)) {
                throw new IOException(
                        root.resolve(set)
                                + ": no such folder, nor "
                                + images
                                + ", with the images of "
                                + file.getFileName());
            }
            return CocoFile.open(file, images);
        }

        @Override
        public List<String> classNames(List<String> sets) throws IOException {
            return file(sets.getFirst()).classNames();
        }

        @Override
        public DetectionDataset open(
                List<String> sets, List<String> classNames, DecodeOptions decoding)
                throws IOException {
            List<DetectionDataset> parts = new ArrayList<>();
            for (String set : sets) {
                try {
                    parts.add(
                            RelabelledDetectionDataset.of(
                                    file(set).decoding(decoding), classNames));
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException(annotations(set) + ": " + e.getMessage(), e);
                }
            }
            return JoinedDetectionDataset.of(parts);
        }

        /** The file of a set alone, whose numbers results are told by. */
        CocoFile numbered(String set) throws IOException {
            return file(set);
        }
    }
}
