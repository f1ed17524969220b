-- contribution_of of a factor with detail: signals that fade each by its own age, age tables, lost intervals.
-- In points; times and ages in milliseconds. Called by contribution_of alone. Buckets and ages are read as arrays, as
-- a look into jsonb costs more with each element. A sum below 1e-100 is nothing, as a product of it would underflow.
-- One function for all kernels: it is called under any search_path, so it can call nothing of the schema without
-- one of its own, and a call for each bucket made age tables a tenth slower.
CREATE FUNCTION detailed_contribution_of(factor jsonb, at_ms double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    kernel text := factor ->> 3;
    period float8 := (factor ->> 4)::float8;
    worth float8 := (factor ->> 5)::float8;
    reference float8 := (factor ->> 6)::float8;
    detail jsonb := factor -> 9;
    ages float8[] := translate(detail ->> 'ages', '[]', '{}')::float8[];
    buckets float8[] := translate(detail ->> 'buckets', '[]', '{}')::float8[];
    steps integer := coalesce(array_length(ages, 1), 0);
    step integer;
    age float8;
    mass float8;
    anchor float8;
    loss float8;
    taken float8;
    idle float8;
    remains float8;
BEGIN
    IF kernel NOT IN ('none', 'exponential', 'linear', 'inactivity_step', 'inactive') THEN
        RETURN 'NaN';
    ELSIF kernel = 'inactive' THEN
        RETURN CASE WHEN at_ms - reference >= period THEN worth * (factor ->> 2)::float8 ELSE 0 END;
    END IF;
    IF abs(worth) < 1e-100 THEN
        worth := 0;
    ELSE
        age := greatest(0, at_ms - reference);
        worth := CASE WHEN steps > 0 THEN worth * ages[steps][2] ELSE worth END * CASE kernel
            WHEN 'exponential' THEN 2 ^ -least(age / period, 300)
            WHEN 'linear' THEN greatest(0, 1 - age / period)
            ELSE 1
        END;
    END IF;
    FOR i IN 1 .. coalesce(array_length(buckets, 1), 0) LOOP
        mass := buckets[i][2];
        CONTINUE WHEN abs(mass) < 1e-100;
        age := greatest(0, at_ms - buckets[i][1]);
        IF steps > 0 THEN
            step := 1;
            WHILE step < steps AND age >= ages[step][1] LOOP
                step := step + 1;
            END LOOP;
            mass := mass * ages[step][2];
        END IF;
        IF kernel = 'exponential' THEN
            mass := mass * 2 ^ -least(age / period, 300);
        ELSIF kernel = 'linear' THEN
            mass := mass * greatest(0, 1 - age / period);
        END IF;
        worth := worth + mass;
    END LOOP;
    IF abs(worth) < 1e-100 THEN
        RETURN 0;
    END IF;
    worth := worth * (factor ->> 2)::float8;
    IF kernel <> 'inactivity_step' THEN
        RETURN worth;
    END IF;
    anchor := coalesce((detail ->> 'active_at')::float8, reference);
    loss := (detail ->> 'percent')::float8 / 100;
    taken := greatest(0, floor((reference - anchor) / period));
    idle := greatest(0, floor((greatest(at_ms, reference) - anchor) / period));
    IF (detail ->> 'linear')::boolean THEN
        remains := 1 - loss * taken;
        remains := CASE WHEN remains > 1e-9 THEN greatest(0, 1 - loss * idle) / remains ELSE 0 END;
    ELSIF loss < 1 THEN
        remains := exp(greatest((idle - taken) * ln(1 - loss), -200));
    ELSE
        remains := CASE WHEN idle > taken THEN 0 ELSE 1 END;
    END IF;
    remains := worth * remains;
    -- Without a floor a negative one would be kept whole.
    RETURN CASE
        WHEN (detail ->> 'floor')::float8 > 0
            THEN greatest(remains, least((detail ->> 'floor')::float8, worth))
        ELSE remains
    END;
END
$$;

COMMENT ON FUNCTION detailed_contribution_of(jsonb, double precision) IS
    'contribution_of of a factor with detail';
