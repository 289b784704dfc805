package org.densenet4j.io.pth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.io.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Which of several networks in a checkpoint is meant. */
class StateDictTest {
    private static final String NAME = "features.conv0.weight";

    private int storages;

    private Map<String, Object> network(String prefix) {
        StorageType type = new StorageType("FloatStorage", ElementType.F32, 4);
        Storage storage = new Storage(String.valueOf(storages++), type, 1);
        return Map.of(prefix + NAME, StridedTensor.of(storage, 0, List.of(1L), List.of(1L)));
    }

    /** Networks at places such as {@code model/student}. */
    private Map<String, Object> checkpoint(String places) {
        Map<String, Object> root = new LinkedHashMap<>();
        for (String place : places.split(" ")) {
            Map<String, Object> map = root;
            String[] keys = place.split("/");
            for (int i = 0; i < keys.length - 1; i++) {
                @SuppressWarnings("unchecked")
                Map<String, Object> inner =
                        (Map<String, Object>)
                                map.computeIfAbsent(keys[i], key -> new LinkedHashMap<>());
                map = inner;
            }
            map.put(keys[keys.length - 1], network(""));
        }
        return root;
    }

    @ParameterizedTest
    @CsvSource({
        "model_ema model, model, model_ema",
        "state_dict_ema state_dict, state_dict, state_dict_ema",
        "ema net teacher, net, 'ema, teacher'",
        "params_ema params, params, params_ema",
        "generator model, model, generator",
        "model/state_dict model/ema optimizer/ema_model, model/state_dict, 'model/ema, optimizer/ema_model'",
        "model extra/generator extra/critic, model, 'extra/generator, extra/critic'",
        "student, student, ''",
        "anything, anything, ''"
    })
    void theModelIsMeantAndTheOthersAreTold(String places, String place, String leftOut)
            throws PickleException {
        StateDict.Found found = StateDict.find(checkpoint(places), null);
        assertEquals(place, found.place());
        assertEquals(Set.of(NAME), found.entries().keySet());
        assertEquals(leftOut, String.join(", ", found.leftOut()));
    }

    @ParameterizedTest
    @CsvSource({
        "student teacher, 'student, teacher'",
        "teacher student, 'student, teacher'",
        "student model_ema, 'student, model_ema'",
        "model_ema state_dict_ema, 'state_dict_ema, model_ema'",
        "model net, 'model, net'",
        "state_dict model, 'state_dict, model'",
        "a b, 'a, b'",
        "model/student model/teacher, 'model/student, model/teacher'",
        "model/student model/teacher net, 'model/student, model/teacher, net'"
    })
    void whereNoneOrSeveralAreTheModelItHasToBeSaidWhichIsMeant(String places, String listed) {
        Map<String, Object> root = checkpoint(places);
        PickleException e = assertThrows(PickleException.class, () -> StateDict.find(root, null));
        assertTrue(e.getMessage().contains("(" + listed + ")"), e.getMessage());
        assertTrue(e.getMessage().contains("--weights-key"), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "student teacher, teacher, teacher",
        "model model_ema, model_ema, model_ema",
        "model/student model/teacher, teacher, model/teacher",
        "a/student a/teacher b/teacher, b/teacher, b/teacher",
        "a/net a/ema b, a, a/net",
        "model, model, model"
    })
    void theWeightsThatAreAskedForAreTaken(String places, String key, String place)
            throws PickleException {
        assertEquals(place, StateDict.find(checkpoint(places), key).place());
    }

    @ParameterizedTest
    @CsvSource({
        "student teacher, teachr, 'no weights under ''teachr''; it has some under student, teacher'",
        "model, ema, 'no weights under ''ema''; it has some under model'",
        "a/student a/teacher b/teacher, teacher, 'several keys (a/teacher, b/teacher)'"
    })
    void aKeyWithoutWeightsOrWithSeveralIsRefused(String places, String key, String words) {
        Map<String, Object> root = checkpoint(places);
        PickleException e = assertThrows(PickleException.class, () -> StateDict.find(root, key));
        assertTrue(e.getMessage().contains(words), e.getMessage());
    }

    @Test
    void weightsInListsAndTuplesAreFound() throws PickleException {
        Map<String, Object> optimiser = Map.of("param_groups", List.of(Map.of("lr", 0.1)));
        assertEquals("0", StateDict.find(List.of(network(""), Map.of("epoch", 1L)), null).place());
        assertEquals("1", StateDict.find(List.of(optimiser, network("")), null).place());
        Map<String, Object> root = Map.of("models", List.of(network("")), "optimizer", optimiser);
        assertEquals("models/0", StateDict.find(root, null).place());
        List<Object> two = List.of(network(""), network(""));
        PickleException e = assertThrows(PickleException.class, () -> StateDict.find(two, null));
        assertTrue(e.getMessage().contains("(0, 1)"), e.getMessage());
        assertEquals("1", StateDict.find(two, "1").place());
    }

    @Test
    void aTensorBesideTheKeyOfTheWeightsDoesNotHideThem() throws PickleException {
        Map<String, Object> weights = new LinkedHashMap<>(network(""));
        weights.putAll(network("other."));
        Map<String, Object> root = new LinkedHashMap<>();
        root.put("pixels.mean", network("").get(NAME));
        root.put("state_dict", weights);
        assertEquals("state_dict", StateDict.find(root, null).place());
        assertEquals("state_dict", StateDict.find(root, "state_dict").place());
        Map<String, Object> model = new LinkedHashMap<>(weights);
        model.put("ema", weights);
        assertEquals("", StateDict.find(model, null).place());
        assertEquals("ema", StateDict.find(model, "ema").place());
    }

    @Test
    void theSameWeightsUnderTwoKeysAreNoQuestion() throws PickleException {
        Map<String, Object> shared = network("");
        for (Map<String, Object> root :
                List.of(
                        Map.<String, Object>of("student", shared, "teacher", shared),
                        Map.<String, Object>of("net", shared, "model", Map.copyOf(shared)))) {
            assertEquals(List.of(), StateDict.find(root, null).leftOut());
        }
        Map<String, Object> both = Map.of("student", shared, "teacher", shared);
        assertEquals("teacher", StateDict.find(both, "teacher").place());
    }

    @Test
    void weightsOfALossAreNoNetwork() throws PickleException {
        Map<String, Object> root = checkpoint("model");
        Object centres = network("").values().iterator().next();
        root.put("loss", Map.of("arc.centres", centres));
        assertEquals(List.of(), StateDict.find(root, null).leftOut());
    }

    @Test
    void namesOfOneDictionaryMayStartWithTheKey() throws PickleException {
        Map<String, Object> names = new LinkedHashMap<>(network("student."));
        names.putAll(network("module.teacher."));
        Map<String, Object> root = Map.of("state_dict", names);
        assertEquals(
                Set.of("module.teacher." + NAME),
                StateDict.find(root, "module.teacher").entries().keySet());
        PickleException e =
                assertThrows(PickleException.class, () -> StateDict.find(root, "teach"));
        assertTrue(e.getMessage().contains("no weights under 'teach'"), e.getMessage());
    }

    @Test
    void manyKeysOfTheSameWeightsTakeNoTime() throws PickleException {
        Map<String, Object> large = new LinkedHashMap<>();
        for (int i = 0; i < 20_000; i++) {
            large.putAll(network("a" + i + "."));
        }
        Map<String, Object> root = new LinkedHashMap<>(Map.of("model", network("")));
        for (int i = 0; i < 20_000; i++) {
            root.put("k" + i, large);
        }
        assertEquals(1, StateDict.find(root, null).leftOut().size());
    }
}
