WITH "t9" AS (
  SELECT
    "t7"."tx_id",
    "t7"."us",
    "t7"."kind",
    "t7"."sender",
    "t7"."recipient",
    "t7"."amount",
    "t7"."device",
    "t2"."account",
    "t2"."opened_us"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t3"."tx_id",
        "t3"."us",
        "t3"."kind",
        "t3"."sender",
        "t3"."recipient",
        "t3"."amount",
        "t3"."device"
      FROM (
        SELECT
          *
        FROM "payments" AS "t1"
        WHERE
          "t1"."verdict" IN ('allow', 'review')
      ) AS "t3"
    ) AS "t4"
    WHERE
      "t4"."kind" = 'cash_out'
  ) AS "t7"
  INNER JOIN "accounts" AS "t2"
    ON "t7"."sender" = "t2"."account"
)
SELECT
  'new_account_cash_out' AS "detector",
  1 AS "version",
  "t22"."subject",
  "t22"."window_start_us",
  "t22"."window_start_us" + 86400000000 AS "window_end_us",
  "t22"."from_us",
  "t22"."to_us",
  "t22"."payments",
  "t22"."amount",
  "t22"."score"
FROM (
  SELECT
    "t21"."subject",
    "t21"."to_us" - (
      "t21"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t21"."from_us") AS "from_us",
    MAX("t21"."to_us") AS "to_us",
    MAX("t21"."payments") AS "payments",
    MAX("t21"."amount") AS "amount",
    MAX("t21"."score") AS "score"
  FROM (
    SELECT
      "t20"."subject",
      "t20"."us" - 604800000000 AS "from_us",
      "t20"."us" AS "to_us",
      "t20"."payments",
      "t20"."received" AS "amount",
      CAST(FLOOR(
        CAST((
          (
            "t20"."received" * 100
          ) - (
            (
              "t20"."received" * 100
            ) % 50000
          )
        ) AS DOUBLE) / (
          50000
        )
      ) AS BIGINT) AS "score"
    FROM (
      SELECT
        "t19"."subject",
        "t19"."tx_id",
        "t19"."us",
        "t19"."amount",
        "t19"."came",
        "t19"."went",
        SUM("t19"."came") OVER (
          PARTITION BY "t19"."subject"
          ORDER BY "t19"."us" ASC
          RANGE BETWEEN 604800000000 preceding AND CURRENT ROW
        ) AS "received",
        SUM("t19"."went") OVER (
          PARTITION BY "t19"."subject"
          ORDER BY "t19"."us" ASC
          RANGE BETWEEN 604800000000 preceding AND CURRENT ROW
        ) AS "passed",
        COUNT(*) OVER (
          PARTITION BY "t19"."subject"
          ORDER BY "t19"."us" ASC
          RANGE BETWEEN 604800000000 preceding AND CURRENT ROW
        ) AS "payments"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t17"."recipient" AS "subject",
            "t17"."tx_id",
            "t17"."us",
            "t17"."amount",
            "t17"."amount" AS "came",
            0 AS "went"
          FROM (
            SELECT
              "t16"."tx_id",
              "t16"."us",
              "t16"."kind",
              "t16"."sender",
              "t16"."recipient",
              "t16"."amount",
              "t16"."device",
              "t2"."account",
              "t2"."opened_us"
            FROM (
              SELECT
                "t14"."tx_id",
                "t14"."us",
                "t14"."kind",
                "t14"."sender",
                "t14"."recipient",
                "t14"."amount",
                "t14"."device"
              FROM (
                SELECT
                  "t8"."tx_id",
                  "t8"."us",
                  "t8"."kind",
                  "t8"."sender",
                  "t8"."recipient",
                  "t8"."amount",
                  "t8"."device",
                  "t13"."subject"
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t3"."tx_id",
                      "t3"."us",
                      "t3"."kind",
                      "t3"."sender",
                      "t3"."recipient",
                      "t3"."amount",
                      "t3"."device"
                    FROM (
                      SELECT
                        *
                      FROM "payments" AS "t1"
                      WHERE
                        "t1"."verdict" IN ('allow', 'review')
                    ) AS "t3"
                  ) AS "t4"
                  WHERE
                    "t4"."kind" = 'payment'
                ) AS "t8"
                INNER JOIN (
                  SELECT DISTINCT
                    "t10"."sender" AS "subject"
                  FROM "t9" AS "t10"
                  WHERE
                    (
                      "t10"."us" - "t10"."opened_us"
                    ) >= 0
                    AND (
                      "t10"."us" - "t10"."opened_us"
                    ) <= 604800000000
                ) AS "t13"
                  ON "t8"."recipient" = "t13"."subject"
              ) AS "t14"
            ) AS "t16"
            INNER JOIN "accounts" AS "t2"
              ON "t16"."recipient" = "t2"."account"
          ) AS "t17"
          WHERE
            (
              "t17"."us" - "t17"."opened_us"
            ) >= 0
            AND (
              "t17"."us" - "t17"."opened_us"
            ) <= 604800000000
        ) AS "t18"
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            "t10"."sender" AS "subject",
            "t10"."tx_id",
            "t10"."us",
            "t10"."amount",
            0 AS "came",
            "t10"."amount" AS "went"
          FROM "t9" AS "t10"
          WHERE
            (
              "t10"."us" - "t10"."opened_us"
            ) >= 0
            AND (
              "t10"."us" - "t10"."opened_us"
            ) <= 604800000000
        ) AS "t11"
      ) AS "t19"
    ) AS "t20"
    WHERE
      "t20"."went" > 0
      AND "t20"."received" >= 50000
      AND (
        "t20"."passed" * 100
      ) >= (
        "t20"."received" * 80
      )
      AND "t20"."us" >= 0
  ) AS "t21"
  GROUP BY
    1,
    2
) AS "t22"
